"""Whatever was accepted outlives the process; whatever cannot be accepted is refused in words."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from bot.durable.room import Limits
from bot.projects.request import ProjectRequest
from bot.sandbox import Delay, Drop, Hang, PostedMessage, Respond
from bot.sandbox.refusals import slack_error
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.scenarios.crowd import UPSERT, may_read
from tests.scenarios.tasks import (
    CHANNEL,
    POST,
    enqueue,
    get,
    grow_old,
    order,
    reopen,
    set_columns,
    until_ended,
)

AWAY = Respond(429, headers={"Retry-After": "60"})
STEP = {"team": "research", "name": "sft", "channel": CHANNEL}


def events(lines: Sequence[Any]) -> list[str]:
    return [line["event"] for line in lines]


async def posted_and_killed(env: Env) -> None:
    """Post an answer, and die before its end is on disk."""
    await enqueue(env, order())
    async with env.running():
        await until_ended(env)
    reopen(env)


# A process that died


async def test_what_another_process_left_is_done_and_claims_nothing(idle_env: Env) -> None:
    await enqueue(idle_env, order(), begun=True)
    ago = timedelta(seconds=10)  # it had come so far
    idle_env.baseten.add_project(RESEARCH, "sft", created_at=datetime.now(UTC) - ago)
    async with idle_env.running():
        await idle_env.answered()
    assert "sft is ready in Research" in idle_env.slack.messages[0].text


async def test_an_old_project_is_still_told_apart(idle_env: Env) -> None:
    await enqueue(idle_env, order(), begun=True)
    ago = timedelta(hours=1)
    idle_env.baseten.add_project(RESEARCH, "sft", created_at=datetime.now(UTC) - ago)
    async with idle_env.running():
        await idle_env.answered()
    assert "already existed" in idle_env.slack.messages[0].text


@pytest.mark.parametrize("since", [0, 450])
async def test_an_answer_that_is_there_is_not_posted_again(idle_env: Env, since: int) -> None:
    may_read(idle_env)
    await posted_and_killed(idle_env)
    (answer,) = idle_env.slack.messages
    for number in range(since):  # a search reads several pages
        ts = f"{float(answer.ts) + number + 1:.6f}"
        idle_env.slack.messages.append(PostedMessage(CHANNEL, ts, "U0KIM00001", "hm", [], "person"))
    async with idle_env.running():
        await until_ended(idle_env)
    assert [message for message in idle_env.slack.messages if message.blocks] == [answer]


async def test_where_the_bot_may_not_look_it_is_posted_again_with_the_same_id(
    idle_env: Env,
) -> None:
    await posted_and_killed(idle_env)
    async with idle_env.running():
        await until_ended(idle_env)
    first, second = idle_env.slack.messages
    assert first.client_msg_id == second.client_msg_id is not None


async def test_an_answer_of_another_task_is_another_answer(idle_env: Env) -> None:
    may_read(idle_env)
    await posted_and_killed(idle_env)
    set_columns(idle_env, "id = 'w2'")
    async with idle_env.running():
        await until_ended(idle_env)
    assert len(idle_env.slack.messages) == 2


# A process that ends


async def test_what_is_under_way_at_the_end_is_left_to_the_next_process(idle_env: Env) -> None:
    idle_env.baseten.faults.next("/v1/teams", Hang())
    async with idle_env.running(shutdown_seconds=1):
        await idle_env.slack.command("research sft")
        await idle_env.baseten.until(
            lambda: "/v1/teams" in [r.path for r in idle_env.baseten.requests]
        )
    assert idle_env.slack.ephemerals == []
    async with idle_env.running():
        await idle_env.answered()


async def test_a_click_that_is_under_way_at_the_end_is_told_so(idle_env: Env) -> None:
    project = r"/v1/training_projects/.*"
    async with idle_env.running(shutdown_seconds=1):
        await idle_env.slack.command("research sft")
        await idle_env.answered()
        idle_env.baseten.faults.next(project, Hang())
        await idle_env.slack.action(idle_env.slack.messages[0], "more", selected="refresh")
        await idle_env.baseten.until(
            lambda: idle_env.baseten.requests[-1].path.startswith("/v1/training_projects/")
        )
    assert "I was restarted before I could finish" in idle_env.slack.ephemerals[0].text


# A Slack that takes nothing


async def test_what_slack_cannot_take_now_is_sent_later(idle_env: Env) -> None:
    idle_env.slack.faults.always(f"{POST}|/response/.*", AWAY)
    await enqueue(idle_env, order())
    with capture_logs([merge_contextvars]) as lines:
        async with idle_env.running():
            await idle_env.slack.until(
                lambda: sum(r.path == POST for r in idle_env.slack.requests) == 1
            )
    assert "a Slack call failed; the task is rescheduled" in events(lines)
    idle_env.slack.faults.clear()
    set_columns(idle_env, "due_at = 0")
    async with idle_env.running():
        await until_ended(idle_env)
    assert len(idle_env.slack.messages) == 1
    assert idle_env.slack.ephemerals == []


async def test_a_person_who_could_not_be_told_is_told_later(idle_env: Env) -> None:
    idle_env.slack.faults.always("/api/chat.*|/response/.*", AWAY)
    await enqueue(idle_env, order(request=ProjectRequest("reserch", "sft")))
    async with idle_env.running():
        await idle_env.slack.until(lambda: idle_env.slack.requests[-1].path == POST)
    idle_env.slack.faults.clear()
    set_columns(idle_env, "due_at = 0")
    async with idle_env.running():
        assert "Did you mean *Research*?" in await idle_env.told()


async def test_a_person_who_asked_too_long_ago_is_told(idle_env: Env) -> None:
    await enqueue(idle_env, order())
    grow_old(idle_env, 31)
    async with idle_env.running():
        told = await idle_env.told()
        await until_ended(idle_env)
    assert "I couldn't answer your request" in told
    assert "/training-project research sft" in told
    assert idle_env.baseten.upserts == []


async def test_what_slack_does_not_take_for_an_hour_is_given_up(idle_env: Env) -> None:
    idle_env.slack.faults.always("/api/chat.*|/response/.*", AWAY)
    await enqueue(idle_env, order())
    grow_old(idle_env, 61)
    with capture_logs() as lines:
        async with idle_env.running():
            await until_ended(idle_env)
    assert "a Slack call failed; the task ends" in events(lines)


async def test_a_task_that_fails_too_often_is_given_up(idle_env: Env) -> None:
    await enqueue(idle_env, order())
    set_columns(idle_env, "state = '{}'")  # which no handler can read
    with capture_logs() as lines:
        async with idle_env.running(Tuning(limits=Limits(retries=1))):
            await until_ended(idle_env)
    assert events(lines).count("a step failed") == 2
    assert "the task is abandoned after its last retry" in events(lines)
    task = await get(idle_env)
    assert (task.ended, task.failures) == (True, 2)
    assert "ValidationError" in str(task.error)


async def test_a_watch_that_slack_refuses_is_no_failure_of_the_command(idle_env: Env) -> None:
    idle_env.baseten.add_job(idle_env.baseten.add_project(RESEARCH, "sft")["id"])
    idle_env.slack.faults.always("/api/chat.update", slack_error("cant_update_message"))
    with capture_logs() as lines:
        async with idle_env.running(watch_answers=True):
            await idle_env.slack.command("research sft")
            await until_ended(idle_env)
    assert "cannot watch this message" in events(lines)
    assert (len(idle_env.slack.messages), idle_env.slack.ephemerals) == (1, [])


async def test_a_watch_that_slack_cannot_take_now_is_begun_later(idle_env: Env) -> None:
    idle_env.baseten.add_job(idle_env.baseten.add_project(RESEARCH, "sft")["id"])
    idle_env.slack.faults.always("/api/chat.update", AWAY)
    await enqueue(idle_env, order())
    async with idle_env.running(watch_answers=True):
        await idle_env.slack.until(lambda: idle_env.slack.requests[-1].path == "/api/chat.update")
    idle_env.slack.faults.clear()
    set_columns(idle_env, "due_at = 0")
    async with idle_env.running(watch_answers=True):
        await until_ended(idle_env)
    assert [message.edits for message in idle_env.slack.messages] == [1]


# Workflow steps


@pytest.mark.parametrize("path", ["/api/functions.completeSuccess", POST])
async def test_a_step_whose_end_slack_cannot_take_now_ends_later(idle_env: Env, path: str) -> None:
    idle_env.slack.faults.always(path, AWAY)
    async with idle_env.running():
        await idle_env.slack.function_executed("open_training_project", STEP)
        await idle_env.slack.until(lambda: idle_env.slack.requests[-1].path == path)
    assert idle_env.slack.completions == []
    idle_env.slack.faults.clear()
    set_columns(idle_env, "due_at = 0", "step:*")
    async with idle_env.running():
        await idle_env.slack.until(lambda: len(idle_env.slack.completions) == 1)
    assert idle_env.slack.completions[0].error is None
    assert len(idle_env.slack.messages) == 1


async def test_a_step_that_slack_knows_no_more_has_ended(idle_env: Env) -> None:
    end = "/api/functions.completeSuccess"
    idle_env.slack.faults.next(end, Drop(after=True))  # it ended, and nobody heard
    with capture_logs() as lines:
        async with idle_env.running():
            delivery = await idle_env.slack.function_executed("open_training_project", STEP)
            await idle_env.slack.until(
                lambda: sum(r.path == end for r in idle_env.slack.requests) == 2
            )
    assert delivery.status == 200
    assert [line for line in lines if line["log_level"] == "error"] == []
    assert [completion.error for completion in idle_env.slack.completions] == [None]


# Deliveries


async def test_a_command_that_slack_delivers_again_and_again_is_done_once(http: Env) -> None:
    http.baseten.faults.next(UPSERT, Delay(0.3))

    async def deliver() -> None:
        await http.slack.command("research sft", trigger_id="1.2.same")

    await asyncio.gather(*(deliver() for _ in range(20)))
    await http.baseten.until(lambda: bool(http.baseten.upserts))
    await deliver()  # while it runs
    await http.answered()
    await until_ended(http)
    await deliver()
    await http.slack.command("research other")
    await http.slack.until(lambda: " other " in http.slack.messages[-1].text)
    await until_ended(http)
    assert len(http.slack.messages) == len(http.baseten.upserts) == 2
