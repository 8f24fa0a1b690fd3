"""A notification survives killed processes, late or missing responses, and refusals."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.durable.committer import Pending
from bot.durable.model import Change, Done, LeaseLostError, RunAgain, Task
from bot.durable.store import Store
from bot.sandbox import Drop, Hang, Respond
from bot.slack.web_api import ATTEMPTS
from bot.watches.model import DELIVER, Watch
from tests.watches.scene import Scene

POST, UPDATE = "/api/chat.postMessage", "/api/chat.update"


# Processes die


async def died(scene: Scene, watch: Watch, *, drawn: bool = True) -> Task:
    """Take the delivery, as a process that dies in the middle of it, with the message drawn."""
    (task,) = await scene.claim(DELIVER, 1)
    revision = 1 if drawn else 0
    await scene.abandon(replace(task, state=task.state | {"drawn": revision}))
    return await scene.delivery(watch)


async def test_a_reply_that_was_posted_before_its_process_died_is_not_repeated(
    scene: Scene,
) -> None:
    class Dying(Store):
        dies = False

        def submit(self, *changes: Change) -> Pending:
            if self.dies:
                raise ZeroDivisionError("died")
            return super().submit(*changes)

    scene.slack.scopes += ("channels:history",)
    store = scene.keep_in(Dying)
    watch = await scene.moved()
    (task,) = await scene.claim(DELIVER, 1)
    store.dies = True
    with pytest.raises(ZeroDivisionError):
        await scene.attempt(task)
    assert len(scene.replies) == 1
    store.dies = False
    await scene.abandon(await scene.delivery(watch))
    assert await scene.deliver() == [Done()]
    assert len(scene.replies) == 1


async def test_a_reply_that_was_not_posted_before_its_process_died_is(scene: Scene) -> None:
    scene.slack.scopes += ("channels:history",)
    watch = await scene.moved()
    assert (await died(scene, watch)).step_may_have_run
    assert await scene.deliver() == [Done()]
    assert len(scene.replies) == 1
    assert len(scene.looked_for) == 1


async def test_a_process_that_dies_in_the_middle_of_a_reply_begins_again_there(
    scene: Scene,
) -> None:
    watch = await scene.moved()
    (task,) = await scene.claim(DELIVER, 1)
    scene.slack.requests.clear()
    scene.slack.faults.next(POST, Hang())
    dying = asyncio.create_task(scene.attempt(task))
    await scene.slack.until(lambda: [one.path for one in scene.slack.requests] == [UPDATE, POST])
    dying.cancel()
    await asyncio.wait([dying])
    await scene.abandon(await scene.delivery(watch))
    assert await scene.deliver() == [Done()]
    assert scene.answers[0].edits == 2
    assert len(scene.replies) == 1


async def test_where_the_bot_may_not_read_it_is_posted_again(scene: Scene) -> None:
    watch = await scene.moved()
    await died(scene, watch)
    assert await scene.deliver() == [Done()]
    assert len(scene.replies) == 1


async def test_while_it_cannot_be_looked_for_it_is_not_posted(scene: Scene) -> None:
    scene.slack.scopes += ("channels:history",)
    watch = await scene.moved()
    await died(scene, watch)
    limit = Respond(429, headers={"Retry-After": "60"})
    scene.slack.faults.next("/api/conversations.replies", limit)
    (then,) = await scene.deliver()
    assert isinstance(then, RunAgain)
    assert scene.replies == []
    await scene.try_again(watch)
    assert len(scene.replies) == 1
    assert len(scene.looked_for) == 2


@pytest.mark.parametrize("step", ["update", "reply"])
async def test_a_process_that_lost_its_lease_says_nothing(scene: Scene, step: str) -> None:
    class Lost(Store):
        lost = False

        async def hold_lease(self, owner: str | None = None) -> None:
            if self.lost:
                raise LeaseLostError(owner)
            await super().hold_lease(owner)

    store = scene.keep_in(Lost)
    await scene.moved()
    (task,) = await scene.claim(DELIVER, 1)
    store.lost = True
    task = replace(task, state=task.state | {"drawn": int(step == "reply")})
    with pytest.raises(LeaseLostError):
        await scene.attempt(task)
    assert scene.answers[0].edits == 0
    assert scene.replies == []


# Slack does not confirm


async def unconfirmed(scene: Scene, *, after: bool, status: str = "RUNNING") -> Watch:
    """Return a notification with an unconfirmed reply, rescheduled for 5 seconds later."""
    watch = await scene.moved(status)
    scene.slack.faults.next(POST, Drop(after=after))
    assert await retry(scene) == 5
    assert len(scene.replies) == int(after)
    return watch


async def retry(scene: Scene, watch: Watch | None = None) -> float:
    """Bring a notification, which goes on later; return the seconds until then."""
    if watch is not None:
        await scene.wake(watch)
    (then,) = await scene.deliver()
    assert isinstance(then, RunAgain)
    return then.in_seconds


async def is_done(scene: Scene, watch: Watch) -> bool:
    """Bring a notification that sleeps; whether that was its end."""
    await scene.wake(watch)
    return await scene.deliver() == [Done()]


async def test_a_reply_that_arrived_unconfirmed_is_found_and_not_repeated(scene: Scene) -> None:
    scene.slack.scopes += ("channels:history",)
    watch = await unconfirmed(scene, after=True)
    assert await is_done(scene, watch)
    assert len(scene.replies) == 1
    assert len(scene.looked_for) == 1


async def test_a_reply_that_did_not_arrive_is_looked_for_twice_and_sent_again(
    scene: Scene,
) -> None:
    scene.slack.scopes += ("channels:history",)
    watch = await unconfirmed(scene, after=False)
    assert await retry(scene, watch) == 25
    assert scene.replies == []
    assert await is_done(scene, watch)
    assert len(scene.replies) == 1
    assert scene.answers[0].edits == 1
    assert len(scene.looked_for) == 2


async def test_a_reply_that_is_in_doubt_again_is_looked_for_as_often_again(scene: Scene) -> None:
    scene.slack.scopes += ("channels:history",)
    watch = await unconfirmed(scene, after=False)
    assert await retry(scene, watch) == 25
    scene.slack.faults.next(POST, Drop())
    assert [await retry(scene, watch) for _ in range(2)] == [5, 25]
    assert await is_done(scene, watch)
    assert len(scene.replies) == 1
    assert len(scene.looked_for) == 4


@pytest.mark.parametrize("after", [True, False])
async def test_where_the_bot_may_not_read_an_unconfirmed_reply_counts_as_posted(
    scene: Scene, *, after: bool
) -> None:
    watch = await unconfirmed(scene, after=after)
    with capture_logs() as logs:
        assert await is_done(scene, watch)
    assert len(scene.replies) == int(after)
    assert any(line["event"] == "an unconfirmed reply counts as posted" for line in logs)


async def test_where_the_bot_may_not_read_the_end_of_a_job_is_repeated_once(scene: Scene) -> None:
    watch = await unconfirmed(scene, after=False, status="COMPLETED")
    scene.slack.faults.next(POST, Drop(after=True))
    await scene.wake(watch)
    came = await scene.deliver()
    assert [then.in_seconds for then in came if isinstance(then, RunAgain)] == [0, 5]
    assert await is_done(scene, watch)
    assert len(scene.replies) == 1


async def test_where_the_bot_may_not_read_no_other_last_word_is_repeated(scene: Scene) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    await scene.look(after=timedelta(days=14).total_seconds())
    scene.slack.faults.next(POST, Drop(after=True))
    assert await retry(scene) == 5
    assert await is_done(scene, watch)
    assert len(scene.replies) == 1


async def test_what_slack_fell_over_is_sent_again_even_where_the_bot_may_not_read(
    scene: Scene,
) -> None:
    watch = await scene.moved()
    scene.slack.faults.next(POST, *[Respond(503)] * ATTEMPTS)
    (then,) = await scene.deliver()
    assert isinstance(then, RunAgain)
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
    await scene.deliver()
    await scene.try_again(watch)
    await scene.try_again(watch)
    assert len(scene.replies) == 2
    assert len(scene.looked_for) == 2


async def test_a_reply_in_doubt_is_looked_for_also_after_an_update_of_the_message(
    scene: Scene,
) -> None:
    scene.slack.scopes += ("channels:history",)
    watch = await unconfirmed(scene, after=True)
    scene.set(scene.latest(watch.project.id), "COMPLETED")
    await scene.look_at_end()
    await scene.try_again(watch)
    assert scene.answers[0].edits == 2
    assert len(scene.looked_for) == 1
    assert len(scene.replies) == 2


# Slack does not take it now


@pytest.mark.parametrize("path", [POST, UPDATE])
async def test_a_rate_limit_is_waited_for_and_nothing_is_said_twice(
    scene: Scene, path: str
) -> None:
    watch = await scene.moved()
    scene.slack.faults.next(path, Respond(429, headers={"Retry-After": "60"}))
    (then,) = await scene.deliver()
    assert isinstance(then, RunAgain)
    assert 60 <= then.in_seconds <= 90
    assert scene.replies == []
    await scene.try_again(watch)
    assert len(scene.replies) == 1
    assert scene.answers[0].edits == 1


async def test_an_update_that_is_not_confirmed_is_made_again(scene: Scene) -> None:
    await scene.moved()
    scene.slack.faults.next(UPDATE, Drop(after=True))
    assert await scene.deliver() == [Done()]
    assert scene.answers[0].edits == 2
    assert len(scene.replies) == 1
