"""The home tab: how to use the bot, the way into the dialog, and the last projects."""

import asyncio
from typing import Any

import pytest

from bot.sandbox import Delay, Respond
from bot.sandbox.slack.records import View
from bot.views.home import HOME_OPEN
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import blocks_of, channel, chosen, dialog, typed


async def home(env: Env, user: str = "U0SANDBOX1") -> View:
    """Look at the home tab, and return what is there."""
    published = len([r for r in env.slack.requests if r.path == "/api/views.publish"])
    delivery = await env.slack.event(opened(user))
    assert delivery.status == 200
    await env.slack.until(
        lambda: (
            sum(view.updates + 1 for view in env.slack.views if view.payload["type"] == "home")
            > published
        )
    )
    return next(
        view for view in env.slack.views if view.user == user and view.payload["type"] == "home"
    )


def opened(user: str, tab: str = "home") -> dict[str, Any]:
    return {"type": "app_home_opened", "user": user, "channel": "D0SANDBOX1", "tab": tab}


def listed(view: View) -> list[str]:
    """The names of the projects in it, as they stand."""
    texts = [str(block.get("text", {}).get("text", "")) for block in view.blocks]
    return [text.split("*")[1] for text in texts if " in team " in text]


async def home_with(env: Env, *names: str) -> View:
    """Look at the home tab until these projects are there: a task remembers them at its end."""
    async with asyncio.timeout(10):
        while listed(view := await home(env)) != list(names):
            pass
    return view


async def test_it_says_how_to_use_the_bot(env: Env) -> None:
    view = await home(env)
    drawn = str(view.blocks)
    assert "/training-project" in drawn
    assert "will be listed here" in drawn
    assert listed(view) == []
    assert env.slack.messages == []


async def test_it_lists_the_last_five_projects_newest_first(env: Env) -> None:
    names = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot"]
    for count, name in enumerate(names, 1):
        await env.slack.command(f"research {name}")
        await env.answered(count)
    view = await home_with(env, "foxtrot", "echo", "delta", "charlie", "bravo")
    assert "in team *Research*" in str(view.blocks)
    assert "{ago}" in str(view.blocks)
    await env.slack.command("research charlie")
    await env.answered(7)
    again = await home_with(env, "charlie", "foxtrot", "echo", "delta", "bravo")
    assert again is view


async def test_each_person_sees_their_own(env: Env) -> None:
    await env.slack.command("research mine")
    await env.answered()
    await home_with(env, "mine")
    assert listed(await home(env, "U0DANA0001")) == []


async def test_what_failed_is_not_listed(env: Env) -> None:
    env.baseten.training_enabled = False
    await env.slack.command("research sft")
    await env.told()
    assert listed(await home(env)) == []


async def test_its_button_opens_the_dialog_with_a_channel_to_choose(env: Env) -> None:
    view = await home(env)
    delivery = await env.slack.action(view, HOME_OPEN)
    assert delivery.status == 200
    await env.slack.until(lambda: len(env.slack.views) == 2)
    form = await dialog(env)
    assert blocks_of(form)[::2] == ["team", "name"]
    assert blocks_of(form)[3:] == ["channel"]
    values = chosen(RESEARCH) | typed("name", "sft") | channel("C0SANDBOX1")
    await env.slack.submit(form, values)
    await env.answered()
    assert env.slack.messages[0].channel == "C0SANDBOX1"


@pytest.mark.slow
async def test_a_dialog_that_does_not_open_is_told_in_a_direct_message(env: Env) -> None:
    view = await home(env)
    env.slack.faults.next("/api/views.open", Delay(3.1))
    await env.slack.action(view, HOME_OPEN)
    await env.answered()
    assert env.slack.messages[0].channel == "D0SANDBOX1"
    assert "Slack closed the dialog" in env.slack.messages[0].text


async def test_the_messages_tab_publishes_nothing(env: Env) -> None:
    delivery = await env.slack.event(opened("U0SANDBOX1", "messages"))
    assert delivery.status == 200
    await env.bot.drain()
    assert env.slack.views == []


async def test_a_tab_that_slack_does_not_take_is_told_once(http: Env) -> None:
    refusal = Respond(200, json={"ok": False, "error": "not_enabled"})
    http.slack.faults.always("/api/views.publish", refusal)
    await http.slack.event(opened("U0SANDBOX1"))
    await http.answered()
    assert "Slack refused what I wanted to show you" in http.slack.messages[0].text


@pytest.mark.parametrize("name", ["<&>" * 2000, "`" * 3000, "🚀" * 3000])
async def test_long_hostile_names_fit(http: Env, name: str) -> None:
    http.baseten.add_team(name, id="1ongnam")
    for number in range(5):
        await http.slack.command(f"1ongnam {number}-{name}")
        await http.answered(number + 1)
    async with asyncio.timeout(10):
        while len([block for block in (await home(http)).blocks if "opened" in str(block)]) < 5:
            pass
