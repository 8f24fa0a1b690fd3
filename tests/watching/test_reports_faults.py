"""A report outlives dead processes, and a Slack that answers late, never, or no for ever."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.journal.journal import Entry, LostLeaseError
from bot.journal.steps import Done, Later, Steps
from bot.sandbox import Drop, Hang, PostedMessage, Respond
from bot.slack_calls import ATTEMPTS
from bot.watching.report import REPORT
from bot.watching.watches import Watch
from tests.watching.scene import CHANNEL, Scene

POST, UPDATE = "/api/chat.postMessage", "/api/chat.update"


def refused(code: str) -> Respond:
    return Respond(200, {"ok": False, "error": code})


def drawn(message: PostedMessage) -> str:
    return str(message.blocks)


# Processes die


async def died(scene: Scene, watch: Watch, step: str) -> Entry:
    """Take the report up to a step, as if the process had died in the middle of it."""
    (entry,) = await scene.journal.claim([REPORT], 1)
    entry = await scene.journal.keep(entry, entry.state | {"step": step})
    await scene.journal.abandon(entry)
    return await scene.the_report(watch)


async def test_a_reply_that_was_posted_before_its_process_died_is_not_repeated(
    scene: Scene,
) -> None:
    scene.slack.scopes += ("channels:history",)
    watch = await scene.moved()
    await scene.report()
    state = (await scene.the_report(watch)).state
    await scene.journal.prune(-1)
    await scene.journal.submit(f"report:{watch.id}:1", REPORT, state, after=0)
    await died(scene, watch, "reply")
    assert await scene.report() == [Done()]
    assert len(scene.replies) == 1


async def test_a_reply_that_was_not_posted_before_its_process_died_is(scene: Scene) -> None:
    scene.slack.scopes += ("channels:history",)
    watch = await scene.moved()
    assert (await died(scene, watch, "reply")).dirty
    assert await scene.report() == [Done()]
    assert len(scene.replies) == 1
    assert len(scene.looked_for) == 1


async def test_a_process_that_dies_in_the_middle_of_a_reply_begins_again_there(
    scene: Scene,
) -> None:
    await scene.moved()
    (entry,) = await scene.journal.claim([REPORT], 1)
    scene.slack.requests.clear()
    scene.slack.faults.next(POST, Hang())
    dying = asyncio.create_task(scene.attempt(entry))
    await scene.slack.until(lambda: [one.path for one in scene.slack.requests] == [UPDATE, POST])
    dying.cancel()
    await asyncio.wait([dying])
    await scene.journal.abandon(entry)
    assert await scene.report() == [Done()]
    assert scene.answers[0].edits == 1
    assert len(scene.replies) == 1


async def test_where_the_bot_may_not_read_it_is_posted_again(scene: Scene) -> None:
    watch = await scene.moved()
    await died(scene, watch, "reply")
    assert await scene.report() == [Done()]
    assert len(scene.replies) == 1


async def test_while_it_cannot_be_looked_for_it_is_not_posted(scene: Scene) -> None:
    scene.slack.scopes += ("channels:history",)
    watch = await scene.moved()
    await died(scene, watch, "reply")
    limit = Respond(429, headers={"Retry-After": "60"})
    scene.slack.faults.next("/api/conversations.replies", limit)
    (then,) = await scene.report()
    assert isinstance(then, Later)
    assert scene.replies == []
    await scene.try_again(watch)
    assert len(scene.replies) == 1
    assert len(scene.looked_for) == 2


async def test_a_process_that_lost_its_lease_says_nothing(scene: Scene) -> None:
    await scene.moved()
    (entry,) = await scene.journal.claim([REPORT], 1)
    steps = Steps(scene.journal, entry)

    async def stalled(entry: Entry, steps: Steps) -> Any:
        object.__setattr__(steps.entry, "deadline", 0.0)
        return await scene.reports.handle(entry, steps)

    with pytest.raises(LostLeaseError):
        await steps.run(stalled)
    assert scene.answers[0].edits == 0
    assert scene.replies == []


# Slack does not confirm


async def test_a_reply_that_arrived_unconfirmed_is_found_and_not_repeated(scene: Scene) -> None:
    scene.slack.scopes += ("channels:history",)
    await scene.moved()
    scene.slack.faults.next(POST, Drop(after=True))
    assert await scene.report() == [Done()]
    assert len(scene.replies) == 1


async def test_a_reply_that_did_not_arrive_is_looked_for_and_sent_again(scene: Scene) -> None:
    scene.slack.scopes += ("channels:history",)
    watch = await scene.moved()
    scene.slack.faults.next(POST, Drop())
    (then,) = await scene.report()
    assert isinstance(then, Later)
    assert 30 <= then.seconds <= 45
    assert scene.replies == []
    await scene.try_again(watch)
    assert len(scene.replies) == 1
    assert scene.answers[0].edits == 1


@pytest.mark.parametrize("after", [True, False])
async def test_where_the_bot_may_not_read_an_unconfirmed_reply_is_taken_as_posted(
    scene: Scene, *, after: bool
) -> None:
    await scene.moved()
    scene.slack.faults.next(POST, Drop(after=after))
    with capture_logs() as logs:
        assert await scene.report() == [Done()]
    assert len(scene.replies) == int(after)
    assert any(line["event"] == "a reply is taken as posted" for line in logs)


async def test_what_slack_fell_over_is_sent_again_even_where_the_bot_may_not_read(
    scene: Scene,
) -> None:
    watch = await scene.moved()
    scene.slack.faults.next(POST, *[Respond(503)] * ATTEMPTS)
    (then,) = await scene.report()
    assert isinstance(then, Later)
    assert scene.replies == []
    await scene.try_again(watch)
    assert len(scene.replies) == 1


async def test_only_the_reply_that_is_in_doubt_is_looked_for(scene: Scene) -> None:
    scene.slack.scopes += ("channels:history",)
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    scene.set(scene.latest(project), "STOPPED")
    scene.job(project, "PENDING")
    await scene.look()
    scene.slack.faults.next(POST, Drop())
    await scene.report()
    await scene.try_again(watch)
    assert len(scene.replies) == 2
    assert len(scene.looked_for) == 2


# Slack does not take it now


@pytest.mark.parametrize("path", [POST, UPDATE])
async def test_a_rate_limit_is_waited_for_and_nothing_is_said_twice(
    scene: Scene, path: str
) -> None:
    watch = await scene.moved()
    scene.slack.faults.next(path, Respond(429, headers={"Retry-After": "60"}))
    (then,) = await scene.report()
    assert isinstance(then, Later)
    assert 30 <= then.seconds <= 45
    assert scene.replies == []
    await scene.try_again(watch)
    assert len(scene.replies) == 1
    assert scene.answers[0].edits == 1


async def test_an_update_that_is_not_confirmed_is_made_again(scene: Scene) -> None:
    watch = await scene.moved()
    scene.slack.faults.next(UPDATE, Drop(after=True))
    (then,) = await scene.report()
    assert isinstance(then, Later)
    await scene.try_again(watch)
    assert scene.answers[0].edits == 2
    assert len(scene.replies) == 1


async def test_a_report_that_slack_does_not_take_for_an_hour_is_dropped(scene: Scene) -> None:
    await scene.moved()
    scene.clock.advance(3700)
    scene.slack.faults.next(UPDATE, Respond(429, headers={"Retry-After": "60"}))
    with capture_logs() as logs:
        assert await scene.report() == [Done()]
    assert [line["log_level"] for line in logs if line["event"] == "a report is dropped"] == [
        "error"
    ]
    assert scene.replies == []


async def test_an_old_report_that_slack_takes_is_brought(scene: Scene) -> None:
    await scene.moved()
    scene.clock.advance(7200)
    assert await scene.report() == [Done()]
    assert len(scene.replies) == 1


async def test_a_report_that_fails_again_and_again_is_dropped(scene: Scene) -> None:
    watch = await scene.moved()
    for _ in range(10):
        await scene.journal.wake(f"report:{watch.id}:1")
        (entry,) = await scene.journal.claim([REPORT], 1)
        await scene.journal.fail(entry, "ZeroDivisionError", retries=99)
    with capture_logs() as logs:
        await scene.try_again(watch)
    assert [line["event"] for line in logs] == ["a report is dropped"]
    assert (await scene.the_report(watch)).done
    assert scene.slack.messages == scene.answers


# Slack takes no more


async def test_of_a_deleted_message_its_watchers_are_told_and_no_thread(scene: Scene) -> None:
    project = scene.project()
    watch = await scene.answer(project)
    await scene.watches.begin(watch.model_copy(update={"watchers": ("U0SANDBOX1", "", "U0DANA")}))
    await scene.poster._client.chat_delete(channel=CHANNEL, ts=watch.ts)  # noqa: SLF001 - as people do
    scene.set(scene.latest(project), "RUNNING")
    with capture_logs() as logs:
        await scene.look_and_report()
    assert not [line for line in logs if line["log_level"] == "error"]
    assert scene.slack.messages == []
    assert [told.user for told in scene.slack.ephemerals] == ["U0SANDBOX1", "U0DANA"]
    for told in scene.slack.ephemerals:
        assert "the message that I kept up to date was deleted" in told.text
        assert "is running" in told.text
    assert await scene.watches.every() == []
    await scene.look_and_report(after=60)
    assert len(scene.slack.ephemerals) == 2


async def test_the_end_of_a_job_is_in_the_last_words(scene: Scene) -> None:
    project = scene.project()
    watch = await scene.answer(project)
    await scene.poster._client.chat_delete(channel=CHANNEL, ts=watch.ts)  # noqa: SLF001 - as people do
    scene.set(scene.latest(project), "FAILED")
    await scene.look_and_report()
    (told,) = scene.slack.ephemerals
    assert "failed" in told.text
    assert scene.slack.messages == []


async def test_of_an_archived_channel_its_watchers_are_told_directly(scene: Scene) -> None:
    await scene.moved()
    scene.slack.add_channel(CHANNEL, archived=True)
    await scene.report()
    assert scene.replies == []
    told = scene.slack.messages[-1]
    assert told.channel == "D0SANDBOX1"
    assert "the channel is archived" in told.text
    assert await scene.watches.every() == []


@pytest.mark.parametrize(
    "code",
    ["message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"],
)
async def test_an_update_that_is_refused_for_ever_ends_the_watch(scene: Scene, code: str) -> None:
    await scene.moved()
    scene.slack.faults.next(UPDATE, refused(code))
    assert await scene.report() == [Done()]
    assert await scene.watches.every() == []
    assert len(scene.slack.ephemerals) == 1
    assert scene.replies == []


@pytest.mark.parametrize("code", ["not_in_channel", "is_archived", "restricted_action"])
async def test_a_reply_that_is_refused_for_ever_ends_the_watch(scene: Scene, code: str) -> None:
    await scene.moved()
    scene.slack.faults.next(POST, refused(code))
    assert await scene.report() == [Done()]
    assert await scene.watches.every() == []
    assert len(scene.slack.ephemerals) == 1


async def test_a_watch_that_has_begun_anew_is_not_ended_by_an_old_report(scene: Scene) -> None:
    watch = await scene.moved()
    await scene.watches.begin(watch.model_copy(update={"id": "another"}))
    scene.slack.faults.next(POST, refused("restricted_action"))
    await scene.report()
    assert [kept.id for kept in await scene.watches.every()] == ["another"]


async def test_what_slack_will_not_have_is_left_out_and_the_rest_is_told(scene: Scene) -> None:
    await scene.moved()
    scene.slack.faults.next(UPDATE, refused("invalid_blocks"))
    with capture_logs() as logs:
        assert await scene.report() == [Done()]
    assert len(scene.replies) == 1
    assert any(line["log_level"] == "error" for line in logs)
    assert len(await scene.watches.every()) == 1


async def test_of_two_reports_that_meet_the_same_end_the_newer_says_so_alone(
    scene: Scene,
) -> None:
    project = scene.project()
    watch = await scene.answer(project)
    for status in ("RUNNING", "FAILED"):
        scene.set(scene.latest(project), status)
        await scene.look()
    scene.slack.add_channel(CHANNEL, archived=True)
    await scene.report()
    await scene.try_again(watch, 2)
    direct = [message for message in scene.slack.messages if message.channel == "D0SANDBOX1"]
    assert len(direct) == 1
    assert "failed" in direct[0].text
