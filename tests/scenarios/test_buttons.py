"""The buttons on the answer: Refresh, Jobs and Open logs."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.sandbox import Hang, Hold, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.refusals import (
    internal_500,
    not_found_404,
    permission_denied_403,
    training_disabled_403,
    wrong_key_403,
)
from bot.sandbox.slack.records import Delivery, PostedMessage
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env, Mode, over_a_socket, over_http

UPDATE = "/api/chat.update"
UPSERT = r"/v1/teams/[^/]+/training_projects"
REFUSED = Respond(200, json={"ok": False, "error": "edit_window_closed"})


async def answer(env: Env, name: str = "sft", channel: str = "C0SANDBOX1") -> PostedMessage:
    """An answer with a job in it, and so with all its buttons."""
    if not env.baseten.requests:
        project = env.baseten.add_project(RESEARCH, name)
        env.baseten.add_job(project["id"], name="epoch-1", id="firstjb")
    await env.slack.command(f"research {name}", channel=channel)
    await env.answered()
    return env.slack.messages[-1]


async def press(env: Env, message: PostedMessage, button: str, **more: Any) -> Delivery:
    """Press a button, or choose an option of the menu."""
    if button == "jobs":
        return await env.slack.action(message, button, **more)
    return await env.slack.action(message, "more", selected=button, **more)


def project_id(message: PostedMessage) -> str:
    return mentioned(message).split("`")[1]


def updates(env: Env) -> int:
    return len([request for request in env.slack.requests if request.path == UPDATE])


def mentioned(message: PostedMessage) -> str:
    """The small print of an answer."""
    return str(message.blocks[-1]["elements"][0]["text"])


async def test_refresh_changes_the_message_in_place(env: Env) -> None:
    message = await answer(env)
    posted, first = message.ts, message.text
    env.baseten.set_job("firstjb", status="TRAINING_JOB_COMPLETED")
    before = int(datetime.now(UTC).timestamp())
    delivery = await env.slack.action(message, "more", selected="refresh", user="U0DANA0001")
    assert delivery.status == 200
    await env.slack.until(lambda: message.edits == 1)
    assert updates(env) == 1
    assert [one.ts for one in env.slack.messages] == [posted]
    assert first.startswith("▶️ epoch-1 is running in sft (Research)")
    assert message.text.startswith("✅ epoch-1 finished in sft (Research)")
    assert "finished" in str(message.blocks)
    assert "requested by <@U0SANDBOX1>" in mentioned(message)
    assert "Refreshed by <@U0DANA0001>, <!date^" in mentioned(message)
    refreshed = mentioned(message).partition("Refreshed by")[2]
    assert int(refreshed.split("<!date^")[1].split("^")[0]) >= before
    assert env.slack.ephemerals == []


async def test_a_project_gets_its_first_job_by_refresh_and_can_be_refreshed_again(
    env: Env,
) -> None:
    await env.slack.command("research sft")
    await env.answered()
    (message,) = env.slack.messages
    assert "No job yet" in message.text
    job = env.baseten.add_job(project_id(message), name="epoch-1")
    await env.slack.action(message, "more", selected="refresh")
    await env.slack.until(lambda: message.edits == 1)
    assert message.text.startswith("▶️ epoch-1 is ")
    assert job["id"] in str(message.blocks)
    assert "by this request" in mentioned(message)
    for action_id in ("jobs", "open_logs"):
        assert (await env.slack.action(message, action_id)).status == 200
    await env.slack.action(message, "more", selected="refresh", user="U0SAM00001")
    await env.slack.until(lambda: message.edits == 2)
    assert mentioned(message).count("Refreshed by") == 1
    assert "Refreshed by <@U0SAM00001>" in mentioned(message)


async def test_a_message_that_went_through_a_response_url_is_refreshed_by_the_clicks(
    env: Env,
) -> None:
    env.slack.add_channel("C0PRIVATE1", private=True, member=False)
    message = await answer(env, channel="C0PRIVATE1")
    assert message.via == "response_url"
    env.baseten.set_job("firstjb", status="TRAINING_JOB_COMPLETED")
    await env.slack.action(message, "more", selected="refresh")
    await env.slack.until(lambda: message.edits == 1)
    await env.bot.drain()
    assert "finished" in message.text
    assert "Refreshed by" in mentioned(message)
    assert len(env.slack.messages) == 1
    assert [told.text for told in env.slack.ephemerals if "⚠️" in told.text] == []


async def test_an_answer_in_a_thread_is_refreshed_and_lists_its_jobs_there(env: Env) -> None:
    message = await answer(env)
    message.thread_ts = "1690000000.000001"
    await env.slack.action(message, "more", selected="refresh")
    await env.slack.until(lambda: message.edits == 1)
    assert message.thread_ts == "1690000000.000001"
    await env.slack.action(message, "jobs")
    await env.told()
    assert env.slack.ephemerals[0].thread_ts == "1690000000.000001"


async def test_two_clicks_at_once_are_one_update(env: Env) -> None:
    message, clicked = await answer(env), asyncio.Event()
    env.baseten.faults.next(r"/v1/training_projects/.*", Hold(clicked))
    deliveries = await asyncio.gather(
        *(env.slack.action(message, "more", selected="refresh") for _ in range(5))
    )
    assert {delivery.status for delivery in deliveries} == {200}
    clicked.set()
    await env.slack.until(lambda: message.edits > 0)
    await env.bot.drain()
    assert (message.edits, updates(env)) == (1, 1)
    assert env.slack.ephemerals == []


async def test_two_answers_are_refreshed_side_by_side(http: Env) -> None:
    first = await answer(http, "sft")
    await http.slack.command("research qwen-2")
    await http.answered(2)
    second, refreshed = http.slack.messages[1], asyncio.Event()
    http.baseten.faults.next(f"/v1/training_projects/{project_id(first)}", Hold(refreshed))
    await http.slack.action(first, "more", selected="refresh")
    await http.slack.action(second, "more", selected="refresh")
    await http.slack.until(lambda: second.edits == 1)
    assert first.edits == 0
    refreshed.set()
    await http.slack.until(lambda: first.edits == 1)


@pytest.mark.parametrize("mode", [over_http, over_a_socket], ids=["http", "socket"])
async def test_the_buttons_work_on_messages_from_before_a_restart(
    idle_env: Env, mode: Mode
) -> None:
    async with mode(idle_env):
        message = await answer(idle_env)
    async with mode(idle_env):
        idle_env.baseten.set_job("firstjb", status="TRAINING_JOB_FAILED", error_message="OOM")
        await idle_env.slack.action(message, "more", selected="refresh")
        await idle_env.slack.until(lambda: message.edits == 1)
        assert "❌ epoch-1 failed in sft" in message.text
        assert "already existed" in message.text
        await idle_env.slack.action(message, "jobs")
        assert "epoch-1: Failed" in await idle_env.told()
        assert (await idle_env.slack.action(message, "open_logs")).status == 200


async def test_jobs_are_the_last_ten_for_the_clicker_alone(env: Env) -> None:
    project = env.baseten.add_project(RESEARCH, "sft")
    begin = datetime.now(UTC) - timedelta(days=1)
    for number in (3, 1, 2, *range(4, 13)):
        created_at = begin + timedelta(minutes=number)
        env.baseten.add_job(project["id"], name=f"run-{number:02}", created_at=created_at)
    message = await answer(env)
    await env.slack.action(message, "jobs", user="U0DANA0001")
    told = await env.told()
    assert "The last jobs of *sft*, newest first" in told
    (ephemeral,) = env.slack.ephemerals
    assert (ephemeral.user, ephemeral.channel) == ("U0DANA0001", message.channel)
    lines = [block["text"]["text"] for block in ephemeral.blocks[2:]]
    assert [line.split("`")[1] for line in lines] == [f"run-{n:02}" for n in range(12, 2, -1)]
    assert "Running" in lines[0]
    assert "8xH100" in lines[0]
    assert "{ago}" in lines[0]
    assert f"/training/{project['id']}/logs/" in lines[0]
    assert message.edits == 0
    assert len(env.slack.messages) == 1


async def test_open_logs_is_a_link_and_its_click_is_answered(env: Env) -> None:
    message = await answer(env)
    buttons = message.blocks[-2]["elements"]
    assert buttons[-2]["url"].endswith(f"/training/{project_id(message)}/logs/firstjb")
    delivery = await env.slack.action(message, "open_logs")
    assert (delivery.status, delivery.refused) == (200, None)
    await env.bot.drain()
    assert env.slack.ephemerals == []


@pytest.mark.parametrize("button", ["refresh", "jobs"])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (not_found_404(), "can't find that project"),
        (wrong_key_403(), "does not accept the bot's API key"),
        (permission_denied_403(), "isn't allowed to do this"),
        (training_disabled_403(), "Training is not enabled"),
        (Respond(202), "look like Baseten's"),
    ],
    ids=["gone", "wrong key", "no right", "no training", "firewall"],
)
async def test_what_keeps_a_click_from_working_is_told_in_words(
    env: Env, button: str, fault: Fault, words: str
) -> None:
    message = await answer(env)
    shown = message.text
    env.baseten.faults.always(r"/v1/training_projects/.*", fault)
    await press(env, message, button, user="U0DANA0001")
    assert words in await env.told()
    assert env.slack.ephemerals[0].user == "U0DANA0001"
    assert (message.text, message.edits) == (shown, 0)


@pytest.mark.parametrize("button", ["refresh", "jobs"])
async def test_a_project_that_was_deleted_is_told_as_gone(env: Env, button: str) -> None:
    message = await answer(env)
    env.baseten.delete_project(project_id(message))
    await press(env, message, button)
    assert "I can't find that project in Baseten any more" in await env.told()
    assert message.edits == 0


@pytest.mark.parametrize("button", ["refresh", "jobs"])
@pytest.mark.parametrize(
    "fault", [pytest.param(Hang(), marks=pytest.mark.slow), internal_500()], ids=str
)
async def test_a_click_while_baseten_is_down_is_acked_and_told(
    idle_env: Env, button: str, fault: Fault
) -> None:
    async with idle_env.running(baseten_timeout=0.3):
        message = await answer(idle_env)
        idle_env.baseten.faults.always(r"/v1/training_projects/.*", fault)
        await press(idle_env, message, button)
        assert idle_env.slack.ephemerals == []  # the ack does not wait for Baseten
        await idle_env.hears("Nothing was changed")


async def test_after_a_failure_a_message_can_be_refreshed_again(env: Env) -> None:
    message = await answer(env)
    env.baseten.faults.next(r"/v1/training_projects/.*", not_found_404())
    await env.slack.action(message, "more", selected="refresh")
    await env.told()
    await env.slack.action(message, "more", selected="refresh")
    await env.slack.until(lambda: message.edits == 1)


async def test_a_refused_update_goes_through_the_clicks_response_url(env: Env) -> None:
    message = await answer(env)
    env.slack.faults.always(UPDATE, REFUSED)
    await env.slack.action(message, "more", selected="refresh")
    await env.slack.until(lambda: message.edits == 1)
    assert "Refreshed by" in mentioned(message)
    assert env.slack.ephemerals == []


async def test_an_update_that_is_refused_everywhere_is_told_in_words(env: Env) -> None:
    message = await answer(env)
    env.slack.faults.always(UPDATE, REFUSED)
    env.slack.faults.always("/response/.*", Respond(404, body=b"expired_url"))
    await env.slack.action(message, "more", selected="refresh")
    told = await env.told()
    assert "Slack refused" in told
    assert "Nothing was changed" in told
    assert env.slack.ephemerals[0].via == "chat.postEphemeral"
    assert message.edits == 0


@pytest.mark.parametrize("button", ["refresh", "jobs"])
async def test_a_button_that_carries_something_else_is_answered_in_words(
    http: Env, button: str
) -> None:
    message = await answer(http)
    for element in message.blocks[-2]["elements"]:
        if "value" in element:
            element["value"] = "from another age"
    await press(http, message, button)
    assert "is not one that I made" in await http.told()


@pytest.mark.parametrize("text", ["<&>" * 700, '"' * 2000, "🚀" * 2000, "\\" * 2000])
async def test_long_hostile_names_fit(http: Env, text: str) -> None:
    other = http.baseten.add_team(f"B{text}")
    http.baseten.add_team(f"C{text}")
    team = http.baseten.add_team(f"A{text}", id="1ongnam")
    name = f"x{text}"
    project = http.baseten.add_project(team["id"], name)
    http.baseten.add_project(other["id"], name)
    for _ in range(11):
        http.baseten.add_job(project["id"], name=text, error_message=text, user_email=text)
    await http.slack.command(f"1ongnam {name}")
    await http.answered()
    (message,) = http.slack.messages
    assert message.via == "chat.postMessage"
    await http.slack.action(message, "more", selected="refresh")
    await http.slack.until(lambda: message.edits == 1)
    await http.slack.action(message, "jobs")
    assert "The last jobs of" in await http.told()


@pytest.mark.parametrize("button", ["refresh", "jobs"])
async def test_a_click_that_is_too_much_is_told_in_words(idle_env: Env, button: str) -> None:
    async with idle_env.running(tuning=Tuning(most_work=1)):
        message, heard = await answer(idle_env), asyncio.Event()
        idle_env.baseten.faults.next(r"/v1/training_projects/.*", Hold(heard))
        await idle_env.slack.action(message, "jobs")
        await press(idle_env, message, button)
        await idle_env.hears("I'm overloaded right now")
        heard.set()


@pytest.mark.parametrize("button", ["refresh", "jobs"])
async def test_a_slow_click_is_announced(http: Env, button: str) -> None:
    message, heard = await answer(http), asyncio.Event()
    http.baseten.faults.next(r"/v1/training_projects/.*", Hold(heard))
    await press(http, message, button)
    await http.hears("Still waiting for Baseten")
    heard.set()
