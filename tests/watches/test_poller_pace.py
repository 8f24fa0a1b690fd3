"""The poller's intervals, and the failures that it survives."""

from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from bot.baseten.requests import TOTAL_TIMEOUT
from bot.durable.model import State
from bot.durable.store import Store
from bot.sandbox import Respond
from bot.watches.model import Watch
from bot.watches.poller import POLL, PollInterval
from tests.watches.scene import Scene

SEARCH = "POST training_jobs/search"


# The pace


async def test_the_pace_is_fast_while_something_moves_and_slow_while_nothing_does(
    scene: Scene,
) -> None:
    project = scene.project()
    await scene.answer(project)
    waits = [(await scene.look(after=80)).in_seconds for _ in range(6)]
    for wait, interval in zip(waits, [15, 22.5, 33.75, 50.625, 60, 60], strict=True):
        assert interval <= wait <= interval * 1.2
    scene.set(scene.latest(project), "RUNNING")
    assert (await scene.look(after=80)).in_seconds <= 18
    assert 22.5 <= (await scene.look(after=80)).in_seconds <= 27


async def test_two_bots_do_not_look_in_step(scene: Scene) -> None:
    await scene.answer(scene.project(status="RUNNING"))
    waits = [(await scene.look(after=80)).in_seconds for _ in range(25)][5:]
    assert min(waits) >= 60
    assert max(waits) - min(waits) > 1


async def test_a_watch_that_begins_is_something_that_moves(scene: Scene) -> None:
    await scene.answer(scene.project())
    for _ in range(5):
        await scene.look(after=80)
    await scene.answer(scene.project("another"))
    assert (await scene.look(after=20)).in_seconds <= 18


async def test_times_alone_are_no_movement(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    waits = []
    for _ in range(5):
        scene.clock.advance(60)
        scene.baseten.set_job(scene.latest(project))
        waits.append((await scene.look(after=20)).in_seconds)
    assert waits[-1] >= 60
    assert await scene.news(watch) == []
    scene.clock.advance(600)
    assert (await scene.look()).in_seconds >= 60
    assert await scene.news(watch) == []
    (kept,) = await scene.live()
    assert kept.revision == 1


async def test_looks_are_never_closer_than_the_fast_pace(scene: Scene) -> None:
    await scene.answer(scene.project())
    await scene.look()
    scene.baseten.requests.clear()
    assert (await scene.look(after=5)).in_seconds == pytest.approx(10)
    assert (await scene.look(after=9)).in_seconds == pytest.approx(1)
    assert scene.asked == []
    await scene.look(after=1)
    assert scene.asked == [SEARCH]


async def test_a_clock_that_was_set_back_stops_nothing(scene: Scene) -> None:
    await scene.answer(scene.project())
    await scene.look()
    scene.baseten.requests.clear()
    await scene.look(after=-7200)
    assert scene.asked == [SEARCH]


async def test_a_new_watch_wakes_the_poller(scene: Scene) -> None:
    await scene.look()
    due = await scene.due_in(POLL)
    assert due is not None
    assert due > 50
    await scene.answer(scene.project())
    assert await scene.due_in(POLL) == 0


async def test_a_watch_that_begins_during_a_look_is_looked_at_soon(scene: Scene) -> None:
    class Beginning(Store):
        newer: Watch | None = None

        async def read_changed(
            self, collection: str, known: Mapping[str, str]
        ) -> tuple[dict[str, str], dict[str, State]]:
            found = await super().read_changed(collection, known)
            if self.newer is not None:
                newer, self.newer = self.newer, None
                await scene.watches.create(newer)
            return found

    store = scene.keep_in(Beginning)
    watch = await scene.answer(scene.project())
    for _ in range(5):
        await scene.look(after=80)
    store.newer = watch.model_copy(update={"id": "newer", "ts": "1700000000.000200"})
    assert (await scene.look(after=80)).in_seconds <= 18
    assert len(await scene.live()) == 2


def test_a_pace_may_be_as_slow_as_it_is_fast() -> None:
    assert PollInterval(fast=5, slow=1).after(5, moved=False) == 5


# Failures


async def test_a_failure_of_baseten_is_logged_when_it_begins_and_when_it_ends(
    scene: Scene,
) -> None:
    watch = await scene.answer(project := scene.project())
    scene.baseten.faults.always(".*", Respond(400, {"code": "X", "message": "no"}))
    with capture_logs() as logs:
        waits = [(await scene.look(after=80)).in_seconds for _ in range(6)]
        assert waits[-1] >= 60
        scene.baseten.faults.clear()
        scene.set(scene.latest(project), "RUNNING")
        await scene.look(after=80)
        await scene.look(after=80)
    levels = [line["log_level"] for line in logs]
    assert levels.count("warning") == 1
    assert sum("again" in line["event"] for line in logs) == 1
    assert await scene.news(watch) == ["moved"]


async def test_a_rate_limit_is_waited_for(scene: Scene) -> None:
    await scene.answer(scene.project())
    limit = Respond(429, {"error": "Rate limit exceeded", "retry_after": 300})
    assert limit.json["retry_after"] > TOTAL_TIMEOUT
    scene.baseten.faults.next(".*", limit)
    assert (await scene.look()).in_seconds == 300


@pytest.mark.parametrize("answer", [Respond(400), Respond(200, body=b"<html>")])
async def test_a_project_that_cannot_be_fetched_keeps_its_watch_as_it_is(
    scene: Scene, answer: Respond
) -> None:
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    scene.set(scene.latest(project), "FAILED")
    scene.baseten.faults.next("/v1/training_projects/.*", answer)
    await scene.look()
    assert [each.id for each in await scene.live()] == [watch.id]
    await scene.look()
    assert await scene.news(watch) == ["ended"]
