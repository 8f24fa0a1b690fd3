"""Nothing is created by accident: every question, each of its buttons, and the faults between."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from bot.sandbox import Drop, Hang, Respond
from bot.sandbox.slack.records import Ephemeral
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import dialog, element, option

PLATFORM, PLATFORM_TEAM = "p1atf0m", "p1atf0t"
THREAD = "1700000000.000100"


def opened(env: Env) -> list[tuple[str, str]]:
    """The team and the name of each project that the bot opened."""
    return [
        (request.path.split("/")[3], request.json()["training_project"]["name"])
        for request in env.baseten.upserts
    ]


def labels(question: Ephemeral) -> list[str]:
    return [button["text"]["text"] for button in question.blocks[-1]["elements"]]


async def asked(env: Env, text: str) -> Ephemeral:
    """Type a command that is answered with a question."""
    await env.slack.command(text)
    await env.told()
    (question,) = env.slack.ephemerals
    assert env.baseten.upserts == []
    return question


async def platform_teams(env: Env) -> None:
    env.baseten.add_team("platform", id=PLATFORM)
    env.baseten.add_team("Platform Team", id=PLATFORM_TEAM)


@pytest.mark.parametrize("text", ["platform team my-model", 'Platform Team "my-model"'])
async def test_words_that_begin_with_a_longer_teams_name_are_asked_about(
    env: Env, text: str
) -> None:
    await platform_teams(env)
    question = await asked(env, text)
    assert "I can read that in two ways" in question.text
    await env.slack.action(question, "create_in_other_team")
    await env.answered()
    await env.bot.drain()
    assert opened(env) == [(PLATFORM_TEAM, "my-model")]
    assert env.slack.ephemerals == []


async def test_the_other_reading_is_opened_as_it_was_typed(env: Env) -> None:
    await platform_teams(env)
    await env.slack.action(await asked(env, "platform team my-model"), "create_anyway")
    await env.answered()
    assert opened(env) == [(PLATFORM, "team my-model")]


@pytest.mark.parametrize("text", ['"platform" team my-model', "`platform` team my-model"])
async def test_a_team_in_quotes_is_not_asked_about(http: Env, text: str) -> None:
    await platform_teams(http)
    await http.slack.command(text)
    await http.answered()
    assert opened(http) == [(PLATFORM, "team my-model")]


async def test_an_exact_name_is_not_asked_about_though_a_longer_team_exists(http: Env) -> None:
    await platform_teams(http)
    http.baseten.add_project(PLATFORM, "team my-model")
    await http.slack.command("platform team my-model")
    await http.answered()
    assert opened(http) == [(PLATFORM, "team my-model")]
    assert http.slack.ephemerals == []


async def test_the_question_names_the_project_that_exists_in_the_longer_team(http: Env) -> None:
    await platform_teams(http)
    http.baseten.add_project(PLATFORM_TEAM, "my-model")
    question = await asked(http, "platform team my-model")
    assert labels(question)[0] == "Use my-model in Platform Team"
    await http.slack.action(question, "use_in_other_team")
    await http.answered()
    assert opened(http) == [(PLATFORM_TEAM, "my-model")]


async def test_a_longer_team_is_asked_about_without_the_list_of_projects(http: Env) -> None:
    await platform_teams(http)
    http.baseten.faults.always("/v1/training_projects", Drop(), method="GET")
    question = await asked(http, "platform team my-model")
    assert "Create my-model in Platform Team" in labels(question)


async def test_a_longer_team_that_the_person_cannot_use_is_not_named(idle_env: Env) -> None:
    await platform_teams(idle_env)
    tuning = Tuning(
        allows=lambda actor, verb, team: bool(actor and verb) and team != "Platform Team"
    )
    async with idle_env.running(tuning):
        await idle_env.slack.command("platform team my-model")
        await idle_env.answered()
    assert opened(idle_env) == [(PLATFORM, "team my-model")]


async def test_a_longer_team_alone_goes_on_in_the_dialog(env: Env) -> None:
    await platform_teams(env)
    question = await asked(env, "platform team")
    await env.slack.action(question, "choose_team")
    view = await dialog(env)
    assert element(view, "team")["initial_option"]["value"] == PLATFORM_TEAM
    await env.slack.until(lambda: env.slack.ephemerals == [])
    assert env.baseten.upserts == []


@pytest.mark.parametrize("name", ["help", "LIST", "status", "?", "--help", "\N{EM DASH}json"])
async def test_a_name_that_reads_like_help_is_asked_about(env: Env, name: str) -> None:
    question = await asked(env, f"research {name}")
    assert "Did you mean help" in question.text
    assert labels(question) == ["Show help", f"Create {name}", "Cancel"]
    await env.slack.action(question, "show_help")
    await env.hears("shows a Baseten training project")
    await env.bot.drain()
    assert question not in env.slack.ephemerals
    assert env.baseten.upserts == []


async def test_a_project_called_help_can_be_created_and_then_opened(http: Env) -> None:
    await http.slack.action(await asked(http, "research help"), "create_anyway")
    await http.answered()
    await http.slack.command("research help")
    await http.answered(2)
    assert opened(http) == [(RESEARCH, "help")] * 2
    assert http.slack.ephemerals == []


@pytest.mark.parametrize("text", ["list", "?", "--help", "Status"])
async def test_one_word_for_help_shows_the_help(http: Env, text: str) -> None:
    delivery = await http.slack.command(text)
    assert "shows a Baseten training project" in delivery.body["text"]


async def test_cancel_takes_the_question_away_and_says_so(env: Env) -> None:
    env.baseten.add_project(RESEARCH, "llama-3-ft")
    question = await asked(env, "research llama_3_ft")
    await env.slack.action(question, "cancel")
    await env.hears("Canceled. Nothing was created.")
    await env.bot.drain()
    assert [told.text for told in env.slack.ephemerals] == ["Canceled. Nothing was created."]
    assert env.slack.messages == []


@pytest.mark.parametrize("first", ["cancel", "use_existing", "create_anyway"])
async def test_only_the_first_click_counts(http: Env, first: str) -> None:
    http.baseten.add_project(RESEARCH, "llama-3-ft")
    question = await asked(http, "research llama_3_ft")
    http.slack.faults.next("/response/.*", Respond(404, body=b"expired_url"))
    await http.slack.action(question, first)
    await http.slack.until(
        lambda: (
            bool(http.slack.messages)
            or any("Canceled" in told.text for told in http.slack.ephemerals)
        )
    )
    before = opened(http)
    for later in ("create_anyway", "cancel", "use_existing"):
        await http.slack.action(question, later)
    await http.slack.until(lambda: question not in http.slack.ephemerals)
    await http.bot.drain()
    assert opened(http) == before
    assert len(before) == (0 if first == "cancel" else 1)
    canceled = [told for told in http.slack.ephemerals if "Canceled" in told.text]
    assert len(canceled) == (1 if first == "cancel" else 0)


async def test_a_canceled_question_is_answered_after_slack_recovers(http: Env) -> None:
    http.baseten.add_project(RESEARCH, "llama-3-ft")
    question = await asked(http, "research llama_3_ft")
    sending = r"/api/chat\.(postEphemeral|postMessage)|/response/.*"
    http.slack.faults.always(sending, Respond(503))
    before = len(http.slack.requests)
    await http.slack.action(question, "cancel")
    await http.slack.until(
        lambda: any(re.fullmatch(sending, each.path) for each in http.slack.requests[before:])
    )
    http.slack.faults.clear()
    await http.hears("Canceled. Nothing was created.")


async def test_an_unknown_team_goes_on_with_the_near_one(env: Env) -> None:
    question = await asked(env, "reserch sft")
    assert labels(question) == ["Use Research", "Choose a team…"]
    await env.slack.action(question, "use_team_1")
    await env.answered()
    await env.bot.drain()
    assert opened(env) == [(RESEARCH, "sft")]
    assert env.slack.ephemerals == []


async def test_a_name_is_compared_with_the_projects_of_the_team_chosen_late(env: Env) -> None:
    env.baseten.add_project(RESEARCH, "llama-3-ft")
    await env.slack.action(await asked(env, "reserch llama_3_ft"), "use_team_1")
    await env.hears("There is already a project `llama-3-ft`")
    assert env.baseten.upserts == []


async def test_only_the_first_team_counts(http: Env) -> None:
    other = http.baseten.add_team("Research")
    question = await asked(http, "Research sft")
    http.slack.faults.next("/response/.*", Respond(404, body=b"expired_url"))
    await http.slack.action(question, "use_team_2")
    await http.answered()
    await http.slack.action(question, "use_team_1")
    await http.slack.until(lambda: http.slack.ephemerals == [])
    assert len(opened(http)) == 1
    assert opened(http)[0][0] in {RESEARCH, other["id"]}


async def test_of_many_teams_of_one_name_four_have_a_button(http: Env) -> None:
    for _ in range(6):
        http.baseten.add_team("Research")
    question = await asked(http, "Research sft")
    assert len(labels(question)) == 5
    assert labels(question)[-1] == "Choose a team…"
    await http.slack.action(question, "choose_team")
    view = await dialog(http)
    assert "Several teams are called *Research*" in str(view.blocks)
    assert element(view, "project:")["initial_option"]["value"] == "sft"


async def test_a_team_without_a_near_one_is_chosen_in_the_dialog_with_the_name(env: Env) -> None:
    question = await asked(env, "zzz my model")
    await env.slack.action(question, "choose_team")
    view = await dialog(env)
    await env.slack.until(lambda: env.slack.ephemerals == [])
    assert "Which team is *my model* in?" in str(view.blocks)
    await env.slack.action(view, "team", selected=option(RESEARCH))
    await env.slack.until(lambda: view.updates > 1)
    block = f"project:{RESEARCH}"
    assert element(view, block)["initial_option"]["value"] == "my model"
    await env.slack.submit(view, {})
    await env.answered()
    assert opened(env) == [(RESEARCH, "my model")]


async def test_a_dialog_that_does_not_open_leaves_the_question(http: Env) -> None:
    question = await asked(http, "reserch sft")
    http.slack.faults.always("/api/views.open", Respond(200, json={"ok": False, "error": "x"}))
    await http.slack.action(question, "choose_team")
    await http.hears("Slack refused")
    assert question in http.slack.ephemerals


async def test_a_question_in_a_thread_is_answered_there(http: Env) -> None:
    question = await asked(http, "reserch sft")
    value = json.dumps({"team_id": RESEARCH, "name": "sft", "thread_ts": THREAD})
    await http.slack.action(question, "use_team_1", value=value)
    await http.answered()
    assert http.slack.messages[0].thread_ts == THREAD


@pytest.mark.parametrize(
    ("button", "value"),
    [
        ("use_team_1", "{}"),
        ("use_team_1", '{"team_id": "../x", "name": "sft"}'),
        ("use_team_1", '{"team_id": "a", "name": "sft", "thread_ts": "x"}'),
        ("choose_team", "nonsense"),
        ("choose_team", '{"thread_ts": "x"}'),
    ],
)
async def test_a_forged_value_is_refused(http: Env, button: str, value: str) -> None:
    question = await asked(http, "reserch sft")
    await http.slack.action(question, button, value=value)
    await http.hears("not one that I made")
    assert http.baseten.upserts == []
    assert http.slack.views == []


@pytest.mark.parametrize("letter", ["<", '"', "日", "🚀", "\\"])
async def test_a_name_too_long_for_a_button_gets_the_plain_words(http: Env, letter: str) -> None:
    await http.slack.command(f"reserch {letter}{letter * 2000}")
    assert "Did you mean *Research*?" in await http.told()
    assert "actions" not in [block["type"] for block in http.slack.ephemerals[0].blocks]


async def test_an_unknown_team_that_reads_like_help_offers_the_help(http: Env) -> None:
    question = await asked(http, "list projects")
    assert labels(question) == ["Show help", "Choose a team…"]


async def test_a_workflow_is_never_asked(http: Env) -> None:
    await platform_teams(http)
    for team, name in (("platform", "team my-model"), ("research", "help"), ("reserch", "sft")):
        inputs = {"team": team, "name": name, "channel": "C0SANDBOX1"}
        await http.slack.function_executed("open_training_project", inputs)
    await http.slack.until(lambda: len(http.slack.completions) == 3)
    assert sorted(opened(http)) == sorted([(PLATFORM, "team my-model"), (RESEARCH, "help")])
    (failed,) = [each for each in http.slack.completions if each.error]
    assert "Did you mean Research?" in str(failed.error)
    assert "correct the team in Workflow Builder" in str(failed.error)


async def test_a_project_that_was_there_needs_no_note_about_the_check(http: Env) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    http.baseten.add_project(RESEARCH, "llama-3-ft", created_at=hour_ago)
    http.baseten.faults.always("/v1/training_projects", Drop(), method="GET")
    await http.slack.command("research llama-3-ft")
    await http.answered()
    await http.bot.drain()
    assert http.slack.ephemerals == []


async def test_a_slow_list_is_told_once_after_the_message(env: Env) -> None:
    env.baseten.faults.always("/v1/training_projects", Hang(), method="GET")
    await env.slack.command("research sft")
    await env.hears("I couldn't check for names similar to *sft* in time")
    assert len(env.slack.messages) == 1
    await env.bot.drain()
    notes = [told for told in env.slack.ephemerals if "similar" in told.text]
    assert len(notes) == 1


async def test_a_name_chosen_in_a_question_needs_no_note(http: Env) -> None:
    await http.slack.action(await asked(http, "research help"), "create_anyway")
    await http.answered()
    await http.bot.drain()
    assert http.slack.ephemerals == []
