"""Never a twin by typo: a name that is near to another's is asked about first."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.sandbox import Drop, Hang, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.refusals import internal_500, not_found_404, permission_denied_403
from bot.views.near_name import CREATE_ANYWAY, USE_EXISTING
from tests.conftest import RESEARCH, World

LIST = "/v1/training_projects"


def lists(world: World) -> int:
    return len([request for request in world.baseten.requests if request.path == LIST])


def opened(world: World) -> list[str]:
    return [request.json()["training_project"]["name"] for request in world.baseten.upserts]


async def test_the_exact_name_goes_through(world: World) -> None:
    world.baseten.add_project(RESEARCH, "llama-3-ft")
    world.baseten.add_project(RESEARCH, "llama_3_ft")
    await world.slack.command("research llama_3_ft")
    await world.answered()
    assert opened(world) == ["llama_3_ft"]
    assert world.slack.ephemerals == []


@pytest.mark.parametrize(
    "name",
    [
        "llama_3_ft",
        "Llama-3-FT",
        "llama 3 ft",
        "lama-3-ft",
        "llama-3-tf",
        "llama-3-fx",
        "ll\u0430ma-3-ft",
    ],
)
async def test_a_near_name_is_asked_about_and_nothing_is_done(world: World, name: str) -> None:
    project = world.baseten.add_project(RESEARCH, "llama-3-ft")
    await world.slack.command(f"research {name}")
    told = await world.told()
    assert "There is already a project `llama-3-ft` in team *Research*" in told
    assert f"`{name}`" in told
    assert "Nothing was done" in told
    (question,) = world.slack.ephemerals
    buttons = question.blocks[-1]["elements"]
    assert [button["text"]["text"] for button in buttons] == ["Use llama-3-ft", f"Create {name}"]
    await world.bot.drain()
    assert world.baseten.upserts == []
    assert world.slack.messages == []
    assert world.baseten.project(project["id"])["name"] == "llama-3-ft"


@pytest.mark.parametrize("name", ["llama-4-ft", "llama-3-ft-v2", "qwen", "llama-3-ft2"])
async def test_a_name_of_its_own_goes_through(http: World, name: str) -> None:
    http.baseten.add_project(RESEARCH, "llama-3-ft")
    await http.slack.command(f"research {name}")
    await http.answered()
    assert opened(http) == [name]


async def test_the_beginning_of_a_name_is_asked_about(world: World) -> None:
    world.baseten.add_project(RESEARCH, "llama-3-ft")
    await world.slack.command("research llama-3")
    assert "There is already a project `llama-3-ft` in team *Research*" in await world.told()
    await world.slack.action(world.slack.ephemerals[0], CREATE_ANYWAY)
    await world.answered()
    assert opened(world) == ["llama-3"]


async def test_a_near_name_of_another_team_is_none(http: World) -> None:
    other = http.baseten.add_team("Platform")
    http.baseten.add_project(other["id"], "llama-3-ft")
    await http.slack.command("research llama_3_ft")
    await http.answered()
    assert opened(http) == ["llama_3_ft"]


@pytest.mark.parametrize(
    ("button", "name"), [(USE_EXISTING, "llama-3-ft"), (CREATE_ANYWAY, "llama_3_ft")]
)
async def test_the_buttons_do_what_they_say_and_take_the_question_away(
    world: World, button: str, name: str
) -> None:
    created_at = datetime.now(UTC) - timedelta(hours=1)
    world.baseten.add_project(RESEARCH, "llama-3-ft", created_at=created_at)
    await world.slack.command("research llama_3_ft")
    await world.told()
    delivery = await world.slack.action(world.slack.ephemerals[0], button)
    assert delivery.status == 200
    await world.answered()
    await world.bot.drain()
    assert opened(world) == [name]
    assert world.slack.ephemerals == []
    (message,) = world.slack.messages
    assert message.channel == "C0SANDBOX1"
    assert f"*{name}*" in message.text
    assert ("Created" in message.text) == (button == CREATE_ANYWAY)


async def test_the_question_is_answered_where_the_bot_is_no_member(world: World) -> None:
    world.slack.add_channel("C0PRIVATE1", private=True, member=False)
    world.baseten.add_project(RESEARCH, "llama-3-ft")
    await world.slack.command("research llama_3_ft", channel="C0PRIVATE1")
    await world.told()
    await world.slack.action(world.slack.ephemerals[0], USE_EXISTING)
    await world.answered()
    assert world.slack.messages[0].via == "response_url"
    assert world.slack.messages[0].channel == "C0PRIVATE1"


async def test_the_question_is_answered_after_a_restart(still: World) -> None:
    still.baseten.add_project(RESEARCH, "llama-3-ft")
    async with still.running():
        await still.slack.command("research llama_3_ft")
        await still.told()
    async with still.running():
        await still.slack.action(still.slack.ephemerals[0], USE_EXISTING)
        await still.answered()
    assert opened(still) == ["llama-3-ft"]


async def test_a_question_that_cannot_be_taken_away_is_no_fault(http: World) -> None:
    http.baseten.add_project(RESEARCH, "llama-3-ft")
    await http.slack.command("research llama_3_ft")
    await http.told()
    http.slack.faults.always("/response/.*", Respond(404, body=b"expired_url"))
    await http.slack.action(http.slack.ephemerals[0], USE_EXISTING)
    await http.answered()
    await http.bot.drain()
    assert len(http.slack.ephemerals) == 1


async def test_a_question_that_stayed_is_taken_away_by_the_next_click(http: World) -> None:
    http.baseten.add_project(RESEARCH, "llama-3-ft")
    await http.slack.command("research llama_3_ft")
    await http.told()
    (question,) = http.slack.ephemerals
    http.slack.faults.next("/response/.*", Respond(404, body=b"expired_url"))
    await http.slack.action(question, USE_EXISTING)
    await http.answered()
    await http.slack.action(question, CREATE_ANYWAY)
    await http.slack.until(lambda: http.slack.ephemerals == [])
    assert opened(http) == ["llama-3-ft"]


async def test_a_failure_after_the_choice_is_told_in_words(world: World) -> None:
    world.baseten.add_project(RESEARCH, "llama-3-ft")
    await world.slack.command("research llama_3_ft")
    await world.told()
    world.baseten.training_enabled = False
    await world.slack.action(world.slack.ephemerals[0], CREATE_ANYWAY)
    await world.hears("Training is not enabled")
    assert world.slack.messages == []


@pytest.mark.parametrize(
    "fault",
    [Hang(), Drop(), internal_500(), permission_denied_403(), not_found_404(), Respond(202)],
    ids=str,
)
async def test_without_the_list_nothing_is_asked(world: World, fault: Fault) -> None:
    world.baseten.add_project(RESEARCH, "llama-3-ft")
    world.baseten.faults.always(LIST, fault, method="GET")
    await world.slack.command("research llama_3_ft")
    await world.answered()
    assert opened(world) == ["llama_3_ft"]
    assert world.slack.ephemerals == []


async def test_a_setting_turns_the_question_off(still: World) -> None:
    async with still.running(ask_near_names=False):
        still.baseten.add_project(RESEARCH, "llama-3-ft")
        await still.slack.command("research llama_3_ft")
        await still.answered()
    assert opened(still) == ["llama_3_ft"]
    assert still.slack.ephemerals == []


async def test_the_same_name_in_another_team_is_mentioned(world: World) -> None:
    other = world.baseten.add_team("Platform <Team>")
    world.baseten.add_project(other["id"], "sft")
    await world.slack.command("research sft")
    await world.answered()
    drawn = str(world.slack.messages[0].blocks)
    assert "*Platform &lt;Team&gt;* has a project of this name too" in drawn


async def test_a_name_of_one_team_alone_mentions_none(world: World) -> None:
    world.baseten.add_project(RESEARCH, "sft")
    await world.slack.command("research sft")
    await world.answered()
    assert "of this name too" not in str(world.slack.messages[0].blocks)


async def test_a_team_given_by_id_is_not_another_team(world: World) -> None:
    world.baseten.list_teams_allowed = False
    world.baseten.add_project(RESEARCH, "sft")
    await world.slack.command(f"{RESEARCH} sft")
    await world.answered()
    assert "of this name too" not in str(world.slack.messages[0].blocks)


async def test_one_look_at_the_list_serves_many_commands(world: World) -> None:
    world.baseten.add_project(RESEARCH, "llama-3-ft")
    await asyncio.gather(*(world.slack.command("research llama_3_ft") for _ in range(50)))
    await world.told(50)
    await world.slack.command("research llama_3_ft")
    await world.told(51)
    assert lists(world) == 1


async def test_a_project_that_was_just_made_is_in_the_list(http: World) -> None:
    await http.slack.command("research llama-3-ft")
    await http.answered()
    await http.slack.command("research llama_3_ft")
    assert "There is already a project `llama-3-ft`" in await http.told()
    assert lists(http) == 1


@pytest.mark.parametrize("letter", ["<", '"', "日", "🚀", "\\", "`"])
@pytest.mark.parametrize("length", [75, 800, 2000])
async def test_long_near_names_fit(http: World, letter: str, length: int) -> None:
    http.baseten.add_project(RESEARCH, f"A{letter * length}")
    await http.slack.command(f"research a{letter * length}")
    await http.slack.until(lambda: bool(http.slack.ephemerals or http.slack.messages))
    await http.bot.drain()
    assert [told.text for told in http.slack.ephemerals if "⚠️" in told.text] == []
