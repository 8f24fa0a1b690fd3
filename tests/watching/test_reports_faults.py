"""A report outlives dead processes, and a Slack that answers late, never, or no for ever."""

import asyncio
from typing import Any

import pytest
from bot.journal.journal import Entry, LostLeaseError
from bot.journal.steps import Done, Later, Steps
from structlog.testing import capture_logs

from bot.sandbox import Drop, Hang, Respond
from bot.slack_calls import ATTEMPTS
from bot.watching.report import REPORT
from bot.watching.watches import Watch
from tests.watching.scene import Scene

POST, UPDATE = "/api/chat.postMessage", "/api/chat.update"


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
    state = (await scene.the_report(watch)).state | {"done": 0}
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


@pytest.mark.parametrize("step", ["update", "reply"])
async def test_a_process_that_lost_its_lease_says_nothing(scene: Scene, step: str) -> None:
    await scene.moved()
    (entry,) = await scene.journal.claim([REPORT], 1)
    entry = await scene.journal.keep(entry, entry.state | {"step": step})
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
    assert 60 <= then.seconds <= 90
    assert scene.replies == []
    await scene.try_again(watch)
    assert len(scene.replies) == 1
    assert scene.answers[0].edits == 1


async def test_an_update_that_is_not_confirmed_is_made_again(scene: Scene) -> None:
    await scene.moved()
    scene.slack.faults.next(UPDATE, Drop(after=True))
    assert await scene.report() == [Done()]
    assert scene.answers[0].edits == 2
    assert len(scene.replies) == 1
