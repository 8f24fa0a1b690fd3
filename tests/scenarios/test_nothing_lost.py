"""Whatever was accepted outlives the process; whatever cannot be accepted is refused in words."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from bot.app import Tuning
from bot.durable.room import Limits
from bot.projects.request import ProjectRequest
from bot.sandbox import Delay, Drop, Hang, PostedMessage, Respond
from bot.sandbox.refusals import slack_error
from tests.conftest import RESEARCH, World
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


async def posted_and_killed(world: World) -> None:
    """Post an answer, and die before its end is on disk."""
    await enqueue(world, order())
    async with world.running():
        await until_ended(world)
    reopen(world)


# A process that died


async def test_what_another_process_left_is_done_and_claims_nothing(still: World) -> None:
    await enqueue(still, order(), begun=True)
    ago = timedelta(seconds=10)  # it had come so far
    still.baseten.add_project(RESEARCH, "sft", created_at=datetime.now(UTC) - ago)
    async with still.running():
        await still.answered()
    assert "*sft* is open in team *Research*" in still.slack.messages[0].text


async def test_an_old_project_is_still_told_apart(still: World) -> None:
    await enqueue(still, order(), begun=True)
    ago = timedelta(hours=1)
    still.baseten.add_project(RESEARCH, "sft", created_at=datetime.now(UTC) - ago)
    async with still.running():
        await still.answered()
    assert "*sft* already exists" in still.slack.messages[0].text


@pytest.mark.parametrize("since", [0, 450])
async def test_an_answer_that_is_there_is_not_posted_again(still: World, since: int) -> None:
    may_read(still)
    await posted_and_killed(still)
    (answer,) = still.slack.messages
    for number in range(since):  # a search reads several pages
        ts = f"{float(answer.ts) + number + 1:.6f}"
        still.slack.messages.append(PostedMessage(CHANNEL, ts, "U0KIM00001", "hm", [], "person"))
    async with still.running():
        await until_ended(still)
    assert [message for message in still.slack.messages if message.blocks] == [answer]


async def test_where_the_bot_may_not_look_it_is_posted_again_with_the_same_id(
    still: World,
) -> None:
    await posted_and_killed(still)
    async with still.running():
        await until_ended(still)
    first, second = still.slack.messages
    assert first.client_msg_id == second.client_msg_id is not None


async def test_an_answer_of_another_task_is_another_answer(still: World) -> None:
    may_read(still)
    await posted_and_killed(still)
    set_columns(still, "id = 'w2'")
    async with still.running():
        await until_ended(still)
    assert len(still.slack.messages) == 2


# A process that ends


async def test_what_is_under_way_at_the_end_is_left_to_the_next_process(still: World) -> None:
    still.baseten.faults.next("/v1/teams", Hang())
    async with still.running(shutdown_seconds=1):
        await still.slack.command("research sft")
        await still.baseten.until(lambda: "/v1/teams" in [r.path for r in still.baseten.requests])
    assert still.slack.ephemerals == []
    async with still.running():
        await still.answered()


async def test_a_click_that_is_under_way_at_the_end_is_told_so(still: World) -> None:
    project = r"/v1/training_projects/.*"
    async with still.running(shutdown_seconds=1):
        await still.slack.command("research sft")
        await still.answered()
        still.baseten.faults.next(project, Hang())
        await still.slack.action(still.slack.messages[0], "refresh")
        await still.baseten.until(
            lambda: still.baseten.requests[-1].path.startswith("/v1/training_projects/")
        )
    assert "I am being restarted and could not finish" in still.slack.ephemerals[0].text


# A Slack that takes nothing


async def test_what_slack_cannot_take_now_is_sent_later(still: World) -> None:
    still.slack.faults.always(f"{POST}|/response/.*", AWAY)
    await enqueue(still, order())
    with capture_logs([merge_contextvars]) as lines:
        async with still.running():
            await still.slack.until(lambda: sum(r.path == POST for r in still.slack.requests) == 1)
    assert "Slack cannot take it now" in events(lines)
    still.slack.faults.clear()
    set_columns(still, "due_at = 0")
    async with still.running():
        await until_ended(still)
    assert len(still.slack.messages) == 1
    assert still.slack.ephemerals == []


async def test_a_person_who_could_not_be_told_is_told_later(still: World) -> None:
    still.slack.faults.always("/api/chat.*|/response/.*", AWAY)
    await enqueue(still, order(request=ProjectRequest("reserch", "sft")))
    async with still.running():
        await still.slack.until(lambda: still.slack.requests[-1].path == POST)
    still.slack.faults.clear()
    set_columns(still, "due_at = 0")
    async with still.running():
        assert "Did you mean *Research*?" in await still.told()


async def test_a_person_who_asked_too_long_ago_is_told(still: World) -> None:
    await enqueue(still, order())
    grow_old(still, 31)
    async with still.running():
        told = await still.told()
        await until_ended(still)
    assert "I could not answer until now" in told
    assert "/training-project research sft" in told
    assert still.baseten.upserts == []


async def test_what_slack_does_not_take_for_an_hour_is_given_up(still: World) -> None:
    still.slack.faults.always("/api/chat.*|/response/.*", AWAY)
    await enqueue(still, order())
    grow_old(still, 61)
    with capture_logs() as lines:
        async with still.running():
            await until_ended(still)
    assert "given up: Slack does not take it" in events(lines)


async def test_a_task_that_fails_too_often_is_given_up(still: World) -> None:
    await enqueue(still, order())
    set_columns(still, "state = '{}'")  # which no handler can read
    with capture_logs() as lines:
        async with still.running(Tuning(limits=Limits(retries=1))):
            await until_ended(still)
    assert events(lines).count("a step failed") == 2
    assert "the task is given up" in events(lines)
    task = await get(still)
    assert (task.ended, task.failures) == (True, 2)
    assert "ValidationError" in str(task.error)


async def test_a_watch_that_slack_refuses_is_no_failure_of_the_command(still: World) -> None:
    still.baseten.add_job(still.baseten.add_project(RESEARCH, "sft")["id"])
    still.slack.faults.always("/api/chat.update", slack_error("cant_update_message"))
    with capture_logs() as lines:
        async with still.running(watch_answers=True):
            await still.slack.command("research sft")
            await until_ended(still)
    assert "cannot watch this message" in events(lines)
    assert (len(still.slack.messages), still.slack.ephemerals) == (1, [])


async def test_a_watch_that_slack_cannot_take_now_is_begun_later(still: World) -> None:
    still.baseten.add_job(still.baseten.add_project(RESEARCH, "sft")["id"])
    still.slack.faults.always("/api/chat.update", AWAY)
    await enqueue(still, order())
    async with still.running(watch_answers=True):
        await still.slack.until(lambda: still.slack.requests[-1].path == "/api/chat.update")
    still.slack.faults.clear()
    set_columns(still, "due_at = 0")
    async with still.running(watch_answers=True):
        await until_ended(still)
    assert [message.edits for message in still.slack.messages] == [1]


# Workflow steps


@pytest.mark.parametrize("path", ["/api/functions.completeSuccess", POST])
async def test_a_step_whose_end_slack_cannot_take_now_ends_later(still: World, path: str) -> None:
    still.slack.faults.always(path, AWAY)
    async with still.running():
        await still.slack.function_executed("open_training_project", STEP)
        await still.slack.until(lambda: still.slack.requests[-1].path == path)
    assert still.slack.completions == []
    still.slack.faults.clear()
    set_columns(still, "due_at = 0", "step:*")
    async with still.running():
        await still.slack.until(lambda: len(still.slack.completions) == 1)
    assert still.slack.completions[0].error is None
    assert len(still.slack.messages) == 1


async def test_a_step_that_slack_knows_no_more_has_ended(still: World) -> None:
    end = "/api/functions.completeSuccess"
    still.slack.faults.next(end, Drop(after=True))  # it ended, and nobody heard
    with capture_logs() as lines:
        async with still.running():
            delivery = await still.slack.function_executed("open_training_project", STEP)
            await still.slack.until(lambda: sum(r.path == end for r in still.slack.requests) == 2)
    assert delivery.status == 200
    assert [line for line in lines if line["log_level"] == "error"] == []
    assert [completion.error for completion in still.slack.completions] == [None]


# Deliveries


async def test_a_command_that_slack_delivers_again_and_again_is_done_once(http: World) -> None:
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
    await http.slack.until(lambda: "*other*" in http.slack.messages[-1].text)
    await until_ended(http)
    assert len(http.slack.messages) == len(http.baseten.upserts) == 2
