"""A text goes to Slack's hosts only, wherever the address of the reply comes from."""

import json
from collections.abc import AsyncIterator

import pytest

from bot.sandbox import SandboxSlack
from bot.slack.message import ReplyTarget
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import chosen, dialog, typed
from tests.scenarios.tasks import CHANNEL, USER, enqueue, order


@pytest.fixture
async def elsewhere() -> AsyncIterator[SandboxSlack]:
    """A server that no text is meant for."""
    async with SandboxSlack() as elsewhere:
        yield elsewhere
        assert elsewhere.requests == []


def url_at(elsewhere: SandboxSlack) -> str:
    return f"{elsewhere.url}/response/R0SECRET"


async def test_the_address_of_a_command(env: Env, elsewhere: SandboxSlack) -> None:
    await env.slack.command("nobody sft", response_url=url_at(elsewhere))
    assert "There's no team called *nobody*" in await env.told()


async def test_the_address_that_a_dialog_carries(env: Env, elsewhere: SandboxSlack) -> None:
    env.slack.add_channel(CHANNEL, post_error="restricted_action")
    await env.slack.command("")
    view = await dialog(env)
    state = json.loads(view.payload["private_metadata"])
    view.payload["private_metadata"] = json.dumps(state | {"response_url": url_at(elsewhere)})
    assert not (await env.slack.submit(view, chosen(RESEARCH) | typed("name", "sft"))).body
    await env.answered()
    assert env.slack.messages[0].channel != CHANNEL


async def test_the_address_of_a_task_on_disk(idle_env: Env, elsewhere: SandboxSlack) -> None:
    idle_env.slack.add_channel(CHANNEL, post_error="restricted_action")
    place = ReplyTarget(USER, CHANNEL, response_url=url_at(elsewhere))
    await enqueue(idle_env, order(place=place))
    async with idle_env.running():
        await idle_env.answered()
    assert idle_env.slack.messages[0].channel != CHANNEL


async def test_the_same_messages_use_the_address_if_it_is_slacks(idle_env: Env) -> None:
    idle_env.slack.add_channel(CHANNEL, post_error="restricted_action")
    async with idle_env.running():
        await idle_env.slack.command("research sft")
        await idle_env.answered()
    assert idle_env.slack.messages[0].channel == CHANNEL
