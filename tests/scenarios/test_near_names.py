"""Never a twin by typo: a name that is near to another's is asked about first."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.sandbox import Drop, Hang, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.refusals import internal_500, not_found_404, permission_denied_403
from bot.views.question import CREATE_ANYWAY, USE_EXISTING
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import chosen, dialog, typed

LIST = "/v1/training_projects"


def lists(env: Env) -> int:
    return len([request for request in env.baseten.requests if request.path == LIST])


def opened(env: Env) -> list[str]:
    return [request.json()["training_project"]["name"] for request in env.baseten.upserts]


async def test_the_exact_name_goes_through(env: Env) -> None:
    env.baseten.add_project(RESEARCH, "llama-3-ft")
    env.baseten.add_project(RESEARCH, "llama_3_ft")
    await env.slack.command("research llama_3_ft")
    await env.answered()
    assert opened(env) == ["llama_3_ft"]
    assert env.slack.ephemerals == []


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
async def test_a_near_name_is_asked_about_and_nothing_is_done(env: Env, name: str) -> None:
    project = env.baseten.add_project(RESEARCH, "llama-3-ft")
    await env.slack.command(f"research {name}")
    told = await env.told()
    assert "There is already a project `llama-3-ft` in team *Research*" in told
    assert f"`{name}`" in told
    assert "Nothing has been created yet" in told
    (question,) = env.slack.ephemerals
    buttons = question.blocks[-1]["elements"]
    assert [button["text"]["text"] for button in buttons] == [
        "Use llama-3-ft",
        f"Create {name}",
        "Cancel",
    ]
    await env.bot.drain()
    assert env.baseten.upserts == []
    assert env.slack.messages == []
    assert env.baseten.project(project["id"])["name"] == "llama-3-ft"


@pytest.mark.parametrize("name", ["llama-4-ft", "llama-3-ft-v2", "qwen", "llama-3-ft2"])
async def test_a_name_of_its_own_goes_through(http: Env, name: str) -> None:
    http.baseten.add_project(RESEARCH, "llama-3-ft")
    await http.slack.command(f"research {name}")
    await http.answered()
    assert opened(http) == [name]


async def test_the_beginning_of_a_name_is_asked_about(env: Env) -> None:
    env.baseten.add_project(RESEARCH, "llama-3-ft")
    await env.slack.command("research llama-3")
    assert "There is already a project `llama-3-ft` in team *Research*" in await env.told()
    await env.slack.action(env.slack.ephemerals[0], CREATE_ANYWAY)
    await env.answered()
    assert opened(env) == ["llama-3"]


async def test_a_near_name_of_another_team_is_none(http: Env) -> None:
    other = http.baseten.add_team("Platform")
    http.baseten.add_project(other["id"], "llama-3-ft")
    await http.slack.command("research llama_3_ft")
    await http.answered()
    assert opened(http) == ["llama_3_ft"]


@pytest.mark.parametrize(
    ("button", "name"), [(USE_EXISTING, "llama-3-ft"), (CREATE_ANYWAY, "llama_3_ft")]
)
async def test_the_buttons_do_what_they_say_and_take_the_question_away(
    env: Env, button: str, name: str
) -> None:
    created_at = datetime.now(UTC) - timedelta(hours=1)
    env.baseten.add_project(RESEARCH, "llama-3-ft", created_at=created_at)
    await env.slack.command("research llama_3_ft")
    await env.told()
    delivery = await env.slack.action(env.slack.ephemerals[0], button)
    assert delivery.status == 200
    await env.answered()
    await env.bot.drain()
    assert opened(env) == [name]
    assert env.slack.ephemerals == []
    (message,) = env.slack.messages
    assert message.channel == "C0SANDBOX1"
    assert f" {name} " in message.text
    assert ("by this request" in message.text) == (button == CREATE_ANYWAY)


async def test_the_question_is_answered_where_the_bot_is_no_member(env: Env) -> None:
    env.slack.add_channel("C0PRIVATE1", private=True, member=False)
    env.baseten.add_project(RESEARCH, "llama-3-ft")
    await env.slack.command("research llama_3_ft", channel="C0PRIVATE1")
    await env.told()
    await env.slack.action(env.slack.ephemerals[0], USE_EXISTING)
    await env.answered()
    assert env.slack.messages[0].via == "response_url"
    assert env.slack.messages[0].channel == "C0PRIVATE1"


async def test_the_question_is_answered_after_a_restart(idle_env: Env) -> None:
    idle_env.baseten.add_project(RESEARCH, "llama-3-ft")
    async with idle_env.running():
        await idle_env.slack.command("research llama_3_ft")
        await idle_env.told()
    async with idle_env.running():
        await idle_env.slack.action(idle_env.slack.ephemerals[0], USE_EXISTING)
        await idle_env.answered()
    assert opened(idle_env) == ["llama-3-ft"]


async def test_a_question_that_cannot_be_taken_away_is_no_fault(http: Env) -> None:
    http.baseten.add_project(RESEARCH, "llama-3-ft")
    await http.slack.command("research llama_3_ft")
    await http.told()
    http.slack.faults.always("/response/.*", Respond(404, body=b"expired_url"))
    await http.slack.action(http.slack.ephemerals[0], USE_EXISTING)
    await http.answered()
    await http.bot.drain()
    assert len(http.slack.ephemerals) == 1


async def test_a_question_that_stayed_is_taken_away_by_the_next_click(http: Env) -> None:
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


async def test_a_failure_after_the_choice_is_told_in_words(env: Env) -> None:
    env.baseten.add_project(RESEARCH, "llama-3-ft")
    await env.slack.command("research llama_3_ft")
    await env.told()
    env.baseten.training_enabled = False
    await env.slack.action(env.slack.ephemerals[0], CREATE_ANYWAY)
    await env.hears("Training is not enabled")
    assert env.slack.messages == []


@pytest.mark.parametrize(
    "fault",
    [Hang(), Drop(), internal_500(), permission_denied_403(), not_found_404(), Respond(202)],
    ids=str,
)
async def test_without_the_list_nothing_is_asked_but_the_person_is_told(
    env: Env, fault: Fault
) -> None:
    env.baseten.add_project(RESEARCH, "llama-3-ft")
    env.baseten.faults.always(LIST, fault, method="GET")
    await env.slack.command("research llama_3_ft")
    await env.answered()
    assert opened(env) == ["llama_3_ft"]
    await env.hears("I couldn't check for names similar to *llama_3_ft*")
    await env.bot.drain()
    notes = [each for each in env.slack.ephemerals if "still opening" not in each.text.lower()]
    assert len(notes) == 1  # on a slow machine, the other note came before


async def test_without_the_name_of_the_team_the_person_is_told(http: Env) -> None:
    http.baseten.list_teams_allowed = False
    created_at = datetime.now(UTC) - timedelta(hours=1)
    http.baseten.add_project(RESEARCH, "llama-3-ft")
    http.baseten.add_project(RESEARCH, "llama_3_ft", created_at=created_at)
    await http.slack.command(f"{RESEARCH} llama_3_ft")
    await http.answered()
    await http.slack.command(f"{RESEARCH} lama_3_ft")
    await http.hears("I couldn't check for names similar to *lama_3_ft*")
    await http.bot.drain()
    assert len(http.slack.ephemerals) == 1  # none for the name that exists
    assert "lso in" not in str([message.blocks for message in http.slack.messages])


async def test_a_person_who_has_chosen_is_not_told_that_the_bot_did_not_compare(
    idle_env: Env,
) -> None:
    idle_env.baseten.add_project(RESEARCH, "llama-3-ft")
    async with idle_env.running():
        await idle_env.slack.command("research llama_3_ft")
        await idle_env.told()
    async with idle_env.running():
        idle_env.baseten.faults.always(LIST, Respond(500), method="GET")
        await idle_env.slack.action(idle_env.slack.ephemerals[0], CREATE_ANYWAY)
        await idle_env.answered()
    assert opened(idle_env) == ["llama_3_ft"]
    assert idle_env.slack.ephemerals == []


@pytest.mark.parametrize("faults", [[], [Respond(500)]], ids=["listed", "not listed"])
async def test_a_setting_turns_the_question_and_the_note_off(
    idle_env: Env, faults: list[Fault]
) -> None:
    for fault in faults:
        idle_env.baseten.faults.always(LIST, fault, method="GET")
    async with idle_env.running(ask_near_names=False):
        idle_env.baseten.add_project(RESEARCH, "llama-3-ft")
        await idle_env.slack.command("research llama_3_ft")
        await idle_env.answered()
    assert opened(idle_env) == ["llama_3_ft"]
    assert idle_env.slack.ephemerals == []


async def test_the_same_name_in_another_team_is_mentioned(env: Env) -> None:
    other = env.baseten.add_team("Platform <Team>")
    env.baseten.add_project(other["id"], "sft")
    await env.slack.command("research sft")
    await env.answered()
    drawn = str(env.slack.messages[0].blocks)
    assert "*Platform &lt;Team&gt;*" in drawn


async def test_a_name_of_one_team_alone_mentions_none(env: Env) -> None:
    env.baseten.add_project(RESEARCH, "sft")
    await env.slack.command("research sft")
    await env.answered()
    assert "lso in" not in str(env.slack.messages[0].blocks)


async def test_a_team_given_by_id_is_not_another_team(env: Env) -> None:
    env.baseten.list_teams_allowed = False
    env.baseten.add_project(RESEARCH, "sft")
    await env.slack.command(f"{RESEARCH} sft")
    await env.answered()
    assert "lso in" not in str(env.slack.messages[0].blocks)


async def test_one_look_at_the_list_serves_many_commands(env: Env) -> None:
    env.baseten.add_project(RESEARCH, "llama-3-ft")
    await asyncio.gather(*(env.slack.command("research llama_3_ft") for _ in range(50)))
    await env.told(50)
    await env.slack.command("research llama_3_ft")
    await env.told(51)
    assert lists(env) == 1


async def test_a_project_that_was_just_made_is_in_the_list(http: Env) -> None:
    await http.slack.command("research llama-3-ft")
    await http.answered()
    await http.slack.command("research llama_3_ft")
    assert "There is already a project `llama-3-ft`" in await http.told()
    assert lists(http) == 1


@pytest.mark.parametrize("letter", ["<", '"', "日", "🚀", "\\", "`"])
@pytest.mark.parametrize("length", [75, 800, 2000])
async def test_long_near_names_fit(http: Env, letter: str, length: int) -> None:
    http.baseten.add_project(RESEARCH, f"A{letter * length}")
    await http.slack.command(f"research a{letter * length}")
    assert "There is already a project" in await http.told()
    await http.bot.drain()
    assert http.slack.messages == []
    assert http.baseten.upserts == []


@pytest.mark.parametrize(
    ("existing", "new", "said"),
    [
        ("llama", "ll\u0430ma", "the new name has CYRILLIC SMALL LETTER A."),
        ("llama", "lla\u200bma", "the new name has ZERO WIDTH SPACE."),
        ("ll\u0430ma", "llama", "the name of the existing project has CYRILLIC SMALL LETTER A."),
        ("llama", "LLama", ""),
        ("мир", "Мир", ""),
        ("llama-3-ft", "ll\u0430ma-3-fx", ""),
    ],
)
async def test_names_that_look_the_same_are_told_apart(
    http: Env, existing: str, new: str, said: str
) -> None:
    http.baseten.add_project(RESEARCH, existing)
    await http.slack.command(f"research {new}")
    told = await http.told()
    assert f"There is already a project `{existing}`" in told
    assert said in told
    assert bool(said) == ("Take care" in told)


@pytest.mark.parametrize("name", ["\u200b", "\u2800\u3164", "\u200b \u2060"])
async def test_a_name_of_which_nothing_is_seen_is_no_name(http: Env, name: str) -> None:
    await http.slack.command(f"research {name}")
    view = await dialog(http)
    await http.slack.function_executed("open_training_project", {"team": "research", "name": name})
    await http.slack.until(lambda: bool(http.slack.completions))
    delivery = await http.slack.submit(view, chosen(RESEARCH) | typed("name", name))
    assert list(delivery.body["errors"]) == ["name"]
    assert http.baseten.upserts == []
