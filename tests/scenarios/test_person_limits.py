"""What one person can ask for, at every entry point."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.listeners.workflow_step import STEP
from bot.sandbox import Hold
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import chosen, dialog, typed
from tests.scenarios.tasks import until_ended

UPSERT = r"/v1/teams/[^/]+/training_projects"
DANA, LEE = "U0DANA0001", "U0LEE00001"
MOST = 3


@pytest.fixture
async def limited(idle_env: Env) -> AsyncIterator[Env]:
    """A bot that takes three requests of a person in a minute."""
    async with idle_env.running(person_per_minute=MOST):
        yield idle_env


async def ask(env: Env, times: int = MOST, user: str = DANA) -> None:
    """Use up the person's requests."""
    for number in range(times):
        delivery = await env.slack.command(f"research model-{number}", user=user)
        assert not delivery.body


async def test_a_command_too_many_is_refused_in_the_ack(limited: Env) -> None:
    await ask(limited)
    delivery = await limited.slack.command("research model-9", user=DANA)
    assert delivery.status == 200
    assert "many requests in a minute" in str(delivery.body)
    assert "Try again in" in str(delivery.body)
    await limited.answered(MOST)
    assert len(limited.baseten.upserts) == MOST
    await limited.slack.command("research model-9", user=LEE)
    await limited.answered(MOST + 1)


async def test_a_click_too_many_is_refused_to_the_person_alone(limited: Env) -> None:
    await ask(limited)
    await limited.answered(MOST)
    await limited.slack.action(limited.slack.messages[0], "more", selected="refresh", user=DANA)
    assert "many requests in a minute" in await limited.told()
    assert limited.slack.messages[0].edits == 0


async def test_a_dialog_too_many_shows_it_at_its_field(limited: Env) -> None:
    await limited.slack.command("", user=DANA)
    view = await dialog(limited)
    await ask(limited, MOST - 1)
    delivery = await limited.slack.submit(
        view, chosen(RESEARCH) | typed("name", "llama"), user=DANA
    )
    assert "many requests in a minute" in str(delivery.body)
    assert "errors" in str(delivery.body)


async def test_a_workflow_step_too_many_fails_in_words(limited: Env) -> None:
    for number in range(MOST + 1):
        await limited.slack.function_executed(STEP, {"team": "research", "name": f"m{number}"})
    await limited.slack.until(lambda: len(limited.slack.completions) == MOST + 1)
    (error,) = [one.error for one in limited.slack.completions if one.error]
    assert "many requests in a minute" in error
    assert len(limited.baseten.upserts) == MOST


async def test_suggestions_and_the_home_tab_do_not_count(limited: Env) -> None:
    for _ in range(MOST + 2):
        await limited.slack.event({"type": "app_home_opened", "user": DANA, "tab": "home"})
    await ask(limited)
    await limited.answered(MOST)


async def test_a_person_whose_requests_wait_is_told_how_many(idle_env: Env) -> None:
    counted = asyncio.Event()
    idle_env.baseten.faults.always(UPSERT, Hold(counted))
    async with idle_env.running(person_waiting=MOST):
        await ask(idle_env)
        delivery = await idle_env.slack.command("research model-9", user=DANA)
        assert f"You have {MOST} requests waiting" in str(delivery.body)
        delivery = await idle_env.slack.command("research model-8", user=LEE)
        assert not delivery.body
        counted.set()
        await until_ended(idle_env)
        assert len(idle_env.baseten.upserts) == MOST + 1
        delivery = await idle_env.slack.command("research model-9", user=DANA)
        assert not delivery.body
