"""The home tab: how to use the bot, the way into the dialog, and the last projects."""

import asyncio
from typing import Any

import pytest

from bot.sandbox import Delay, Respond
from bot.sandbox.slack.records import View
from bot.views.home import HOME_OPEN
from tests.conftest import RESEARCH, World
from tests.scenarios.filled import blocks_of, channel, chosen, dialog, typed


async def home(world: World, user: str = "U0SANDBOX1") -> View:
    """Look at the home tab, and return what is there."""
    published = len([r for r in world.slack.requests if r.path == "/api/views.publish"])
    delivery = await world.slack.event(opened(user))
    assert delivery.status == 200
    await world.slack.until(
        lambda: (
            sum(view.updates + 1 for view in world.slack.views if view.payload["type"] == "home")
            > published
        )
    )
    return next(
        view for view in world.slack.views if view.user == user and view.payload["type"] == "home"
    )


def opened(user: str, tab: str = "home") -> dict[str, Any]:
    return {"type": "app_home_opened", "user": user, "channel": "D0SANDBOX1", "tab": tab}


def listed(view: View) -> list[str]:
    """The names of the projects in it, as they stand."""
    texts = [str(block.get("text", {}).get("text", "")) for block in view.blocks]
    return [text.split("*")[1] for text in texts if " in team " in text]


async def home_with(world: World, *names: str) -> View:
    """Look at the home tab until these projects are there: a task remembers them at its end."""
    async with asyncio.timeout(10):
        while listed(view := await home(world)) != list(names):
            pass
    return view


async def test_it_says_how_to_use_the_bot(world: World) -> None:
    view = await home(world)
    drawn = str(view.blocks)
    assert "/training-project" in drawn
    assert "will be listed here" in drawn
    assert listed(view) == []
    assert world.slack.messages == []


async def test_it_lists_the_last_five_projects_newest_first(world: World) -> None:
    names = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot"]
    for count, name in enumerate(names, 1):
        await world.slack.command(f"research {name}")
        await world.answered(count)
    view = await home_with(world, "foxtrot", "echo", "delta", "charlie", "bravo")
    assert "in team *Research*" in str(view.blocks)
    assert "{ago}" in str(view.blocks)
    await world.slack.command("research charlie")
    await world.answered(7)
    again = await home_with(world, "charlie", "foxtrot", "echo", "delta", "bravo")
    assert again is view


async def test_each_person_sees_their_own(world: World) -> None:
    await world.slack.command("research mine")
    await world.answered()
    await home_with(world, "mine")
    assert listed(await home(world, "U0DANA0001")) == []


async def test_what_failed_is_not_listed(world: World) -> None:
    world.baseten.training_enabled = False
    await world.slack.command("research sft")
    await world.told()
    assert listed(await home(world)) == []


async def test_its_button_opens_the_dialog_with_a_channel_to_choose(world: World) -> None:
    view = await home(world)
    delivery = await world.slack.action(view, HOME_OPEN)
    assert delivery.status == 200
    await world.slack.until(lambda: len(world.slack.views) == 2)
    form = await dialog(world)
    assert blocks_of(form) == ["team", "name", "channel"]
    values = chosen(RESEARCH) | typed("name", "sft") | channel("C0SANDBOX1")
    await world.slack.submit(form, values)
    await world.answered()
    assert world.slack.messages[0].channel == "C0SANDBOX1"


@pytest.mark.slow
async def test_a_dialog_that_does_not_open_is_told_in_a_direct_message(world: World) -> None:
    view = await home(world)
    world.slack.faults.next("/api/views.open", Delay(3.1))
    await world.slack.action(view, HOME_OPEN)
    await world.answered()
    assert world.slack.messages[0].channel == "D0SANDBOX1"
    assert "`expired_trigger_id`" in world.slack.messages[0].text


async def test_the_messages_tab_publishes_nothing(world: World) -> None:
    delivery = await world.slack.event(opened("U0SANDBOX1", "messages"))
    assert delivery.status == 200
    await world.bot.drain()
    assert world.slack.views == []


async def test_a_tab_that_slack_does_not_take_is_told_once(http: World) -> None:
    refusal = Respond(200, json={"ok": False, "error": "not_enabled"})
    http.slack.faults.always("/api/views.publish", refusal)
    await http.slack.event(opened("U0SANDBOX1"))
    await http.answered()
    assert "`not_enabled`" in http.slack.messages[0].text


@pytest.mark.parametrize("name", ["<&>" * 2000, "`" * 3000, "🚀" * 3000])
async def test_long_hostile_names_fit(http: World, name: str) -> None:
    http.baseten.add_team(name, id="1ongnam")
    for number in range(5):
        await http.slack.command(f"1ongnam {number}-{name}")
        await http.answered(number + 1)
    async with asyncio.timeout(10):
        while len([block for block in (await home(http)).blocks if "opened" in str(block)]) < 5:
            pass
