"""``/training-project``, from the signed request or the socket to the message in the channel."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.sandbox import Delay, Hold, Respond
from bot.sandbox.refusals import not_found_404, permission_denied_403
from tests.conftest import RESEARCH, Env

CHOOSE = "Choose a team…"
UPSERT = r"/v1/teams/[^/]+/training_projects"


async def test_a_new_project_is_opened_and_the_channel_sees_it(env: Env) -> None:
    delivery = await env.slack.command("research llama-3-finetune")
    assert delivery.status == 200
    assert not delivery.body
    await env.answered()
    (upsert,) = env.baseten.upserts
    assert upsert.path == f"/v1/teams/{RESEARCH}/training_projects"
    assert upsert.json() == {"training_project": {"name": "llama-3-finetune"}}
    assert upsert.headers["authorization"] == f"Api-Key {env.baseten.api_key}"
    (message,) = env.slack.messages
    assert message.channel == delivery.payload["channel_id"]
    assert message.via == "chat.postMessage"
    assert message.text.startswith("✨ llama-3-finetune was created in Research.")
    assert env.slack.ephemerals == []


async def test_a_project_with_a_job_was_already_there(env: Env) -> None:
    project = env.baseten.add_project(RESEARCH, "sft", created_at=datetime.now(UTC))
    job = env.baseten.add_job(project["id"], status="TRAINING_JOB_RUNNING", name="epoch-3")
    await env.slack.command("research sft")
    await env.answered()
    (message,) = env.slack.messages
    assert "already existed" in message.text
    assert message.text.startswith("▶️ epoch-3 is running in ")
    assert f"/training/{project['id']}/logs/{job['id']}" in str(message.blocks)


async def test_an_old_project_without_a_job_was_already_there(http: Env) -> None:
    created_at = datetime.now(UTC) - timedelta(minutes=1)
    http.baseten.add_project(RESEARCH, "sft", created_at=created_at)
    await http.slack.command("research sft")
    await http.answered()
    assert "already existed" in http.slack.messages[0].text


async def test_a_project_of_this_moment_that_is_listed_already_is_not_called_new(env: Env) -> None:
    env.baseten.add_project(RESEARCH, "sft", created_at=datetime.now(UTC) + timedelta(hours=1))
    await env.slack.command("research another")  # from now on, the bot has the list
    await env.answered()
    await env.slack.command("research sft")
    await env.answered(2)
    message = env.slack.messages[-1]
    assert message.text.startswith("📂 sft is ready in Research.")
    assert "by this request" not in message.text
    assert "already existed" not in message.text  # the list might be too old


async def test_a_project_of_another_team_of_the_same_name_proves_nothing(http: Env) -> None:
    for team_id in ("twin001", "twin002"):
        http.baseten.add_team("Twins", id=team_id)
    http.baseten.add_project("twin001", "sft")
    await http.slack.command("research another")  # from now on, the bot has the list
    await http.answered()
    await http.slack.command("twin002 sft")
    await http.answered(2)
    assert http.slack.messages[-1].text.startswith("✨ sft was created in Twins.")


async def test_the_same_command_twice_creates_once(http: Env) -> None:
    for count in (1, 2):
        await http.slack.command("research twice")
        await http.answered(count)
    first, second = http.slack.messages
    assert "by this request" in first.text
    assert "already existed" in second.text


async def test_a_server_without_a_date_leaves_it_open(http: Env) -> None:
    http.baseten.list_projects_allowed = False
    project = http.baseten.add_project(RESEARCH, "sft")
    # An empty header is no date, and a proxy that cuts headers leaves none.
    http.baseten.faults.next(
        UPSERT, Respond(200, json={"training_project": project}, headers={"Date": ""})
    )
    await http.slack.command("research sft")
    await http.answered()
    assert "is ready in" in http.slack.messages[0].text


@pytest.mark.parametrize("team", [RESEARCH, "Research", "RESEARCH", '"research"', "“research”"])
async def test_a_team_goes_by_id_or_name_in_any_case(http: Env, team: str) -> None:
    await http.slack.command(f"{team} sft")
    await http.answered()
    assert http.baseten.upserts[0].path.split("/")[3] == RESEARCH


async def test_an_exact_name_beats_one_in_another_case(http: Env) -> None:
    lower = http.baseten.add_team("research")
    await http.slack.command("research sft")
    await http.answered()
    assert http.baseten.upserts[0].path.split("/")[3] == lower["id"]


async def test_an_id_beats_a_team_that_is_named_like_it(http: Env) -> None:
    http.baseten.add_team(RESEARCH)
    await http.slack.command(f"{RESEARCH} sft")
    await http.answered()
    assert http.baseten.upserts[0].path.split("/")[3] == RESEARCH


async def test_two_teams_of_one_name_are_told_apart_by_id(env: Env) -> None:
    other = env.baseten.add_team("Research")
    await env.slack.command("Research sft")
    told = await env.told()
    assert "2 teams are called *Research*" in told
    labels = [button["text"]["text"] for button in env.slack.ephemerals[0].blocks[-1]["elements"]]
    assert labels == [f"Use Research ({RESEARCH})", f"Use Research ({other['id']})", CHOOSE]
    assert env.baseten.upserts == []


async def test_a_misspelt_team_is_answered_with_the_near_one(env: Env) -> None:
    await env.slack.command("reserch sft")
    told = await env.told()
    assert told.startswith("⚠️ There's no team called *reserch*. Nothing was created or changed.")
    assert "Did you mean *Research*?" in told
    labels = [button["text"]["text"] for button in env.slack.ephemerals[0].blocks[-1]["elements"]]
    assert labels == ["Use Research", CHOOSE]
    assert env.baseten.upserts == []
    assert env.slack.messages == []


async def test_a_team_like_no_other_is_chosen_in_the_dialog(http: Env) -> None:
    await http.slack.command("zzz sft")
    assert "There's no team called *zzz*" in await http.told()
    (button,) = http.slack.ephemerals[0].blocks[-1]["elements"]
    assert (button["text"]["text"], button["style"]) == (CHOOSE, "primary")


async def test_a_team_that_was_just_made_is_found(http: Env) -> None:
    await http.slack.command("research one")
    await http.answered()
    http.baseten.add_team("Brand New")
    await http.slack.command('"brand new" two')
    await http.answered(2)
    assert len([r for r in http.baseten.requests if r.path == "/v1/teams"]) == 2


@pytest.mark.parametrize("refusal", [permission_denied_403(), not_found_404()])
async def test_without_the_list_the_team_is_taken_as_an_id(http: Env, refusal: Respond) -> None:
    http.baseten.faults.always("/v1/teams", refusal)
    await http.slack.command(f"{RESEARCH} sft")
    await http.answered()
    assert "created in Research." in http.slack.messages[0].text


@pytest.mark.parametrize("team", ['".."', '"a/../b"', '"Platform Team"', "%2e%2e", '"é"'])
async def test_without_the_list_no_words_change_the_path(http: Env, team: str) -> None:
    http.baseten.faults.always("/v1/teams", permission_denied_403())
    await http.slack.command(f"{team} sft")
    assert "isn't allowed to do this" in await http.told()
    assert {request.method for request in http.baseten.requests} == {"GET"}


@pytest.mark.parametrize(
    "name",
    [
        "payload-model",
        "my payload",
        "don't-stop",
        "demo/qwen3-0.6b",
        "a & b <c>",
        "日本語 🚀",
        "x" * 5000,
    ],
)
async def test_a_name_arrives_as_it_was_typed(env: Env, name: str) -> None:
    await env.slack.command(f"research {name}", channel_name="payload-alerts")
    await env.answered()
    assert env.baseten.upserts[0].json() == {"training_project": {"name": name}}
    assert "<c>" not in str(env.slack.messages[0].blocks)


@pytest.mark.parametrize("text", ["help", " HELP "])
async def test_help_comes_with_the_ack(env: Env, text: str) -> None:
    delivery = await env.slack.command(text)
    assert "shows a Baseten training project" in delivery.body["text"]
    assert env.slack.ephemerals[0].via == "ack"
    assert env.baseten.requests == []


@pytest.mark.parametrize("text", ["re\u202esearch sft", "research s\u2067ft"])
async def test_a_bidirectional_control_character_is_refused_in_words(env: Env, text: str) -> None:
    delivery = await env.slack.command(text)
    assert "invisible control character" in str(delivery.body)
    assert "/training-project research sft" in str(delivery.body)
    await env.bot.drain()
    assert env.baseten.upserts == []


async def test_a_command_that_is_not_understood_gets_the_right_form_with_the_ack(
    env: Env,
) -> None:
    delivery = await env.slack.command('"Platform Team')
    assert "never closed" in delivery.body["text"]
    assert '`/training-project "Platform' not in delivery.body["text"]
    assert env.slack.ephemerals[0].via == "ack"
    assert env.baseten.requests == []


async def test_a_team_called_help_works_in_quotes(http: Env) -> None:
    http.baseten.add_team("help", id="he1p123")
    await http.slack.command('"help" sft')
    await http.answered()
    assert http.baseten.upserts[0].path.split("/")[3] == "he1p123"


async def test_a_slow_answer_is_announced_once(env: Env) -> None:
    announced = asyncio.Event()
    env.baseten.faults.next(UPSERT, Hold(announced))
    await env.slack.command("research slow")
    assert "Still opening *slow*" in await env.told()
    assert env.slack.messages == []
    announced.set()
    await env.answered()
    assert len(env.slack.ephemerals) == 1


async def test_a_hundred_commands_at_once_are_acked_before_baseten_answers(env: Env) -> None:
    env.baseten.faults.always(UPSERT, Delay(0.5))
    deliveries = await asyncio.gather(
        *(env.slack.command(f"research run-{number}") for number in range(100))
    )
    assert {delivery.status for delivery in deliveries} == {200}
    await env.answered(100)
    names = {request.json()["training_project"]["name"] for request in env.baseten.upserts}
    assert len(env.baseten.upserts) == len(names) == 100
    assert len(env.slack.messages) == 100
    assert len([r for r in env.baseten.requests if r.path == "/v1/teams"]) == 1
    assert len([r for r in env.slack.requests if r.path == "/api/auth.test"]) == 1


async def test_the_logs_button_is_acked(env: Env) -> None:
    project = env.baseten.add_project(RESEARCH, "sft")
    env.baseten.add_job(project["id"])
    await env.slack.command("research sft")
    await env.answered()
    delivery = await env.slack.action(env.slack.messages[0], "open_logs")
    assert delivery.status == 200
