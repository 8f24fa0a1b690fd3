"""Processes die, stores break, watches end during a poll: nothing is lost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.durable.committer import Pending
from bot.durable.model import (
    Change,
    Enqueue,
    LeaseLostError,
    RunAgain,
    State,
    StoreUnavailableError,
    Task,
)
from bot.durable.store import Store
from bot.sandbox import Respond
from bot.watches.model import Watch
from bot.watches.notification import NOTIFY
from bot.watches.poller import POLL
from tests.watches.scene import Scene


class DyingStore(Store):
    """A store that fails once, at the change of a document."""

    dies = False

    async def amend(
        self, collection: str, key: str, change: Callable[[State | None], State | None]
    ) -> State | None:
        if self.dies:
            self.dies = False
            raise StoreUnavailableError("died")
        return await super().amend(collection, key, change)


def notifies(pending: Pending) -> bool:
    """Whether a notification is enqueued."""
    return any(isinstance(one, Enqueue) and one.kind == NOTIFY for one in pending.unit.changes)


async def dies_between(scene: Scene) -> None:
    """Poll once, and fail after the notification is enqueued."""
    store = scene.store
    assert isinstance(store, DyingStore)
    store.dies = True
    with pytest.raises(StoreUnavailableError):
        await scene.look()
    assert not store.dies
    task = await store.get(POLL)
    assert task is not None
    await scene.abandon(task)


@pytest.fixture
async def dying(scene: Scene) -> Scene:
    scene.keep_in(DyingStore)
    return scene


async def test_after_a_death_nothing_is_lost_and_nothing_said_twice(dying: Scene) -> None:
    project = dying.project()
    watch = await dying.answer(project)
    dying.set(dying.latest(project), "DEPLOYING")
    await dies_between(dying)
    assert await dying.watches.all() == [watch]
    dying.set(dying.latest(project), "RUNNING")
    await dying.look()
    assert await dying.news(watch) == ["moved"]
    await dying.look()
    first, second = await dying.notifications_of(watch)
    assert [said.job.current_status for said in (*first.news, *second.news)] == [  # type: ignore[union-attr]
        "TRAINING_JOB_DEPLOYING",
        "TRAINING_JOB_RUNNING",
    ]


async def test_after_a_death_a_watch_that_was_over_is_over(dying: Scene) -> None:
    project = dying.project(status="RUNNING")
    watch = await dying.answer(project)
    dying.set(dying.latest(project), "FAILED")
    await dies_between(dying)
    assert await dying.watches.all() == [watch]
    await dying.look()
    assert await dying.watches.all() == []
    assert await dying.news(watch) == ["ended"]


def first(change: Change) -> bool:
    return isinstance(change, Enqueue) and change.task_id.endswith(":1")


@pytest.mark.parametrize("state", [None, {"from": "another version"}])
async def test_a_notification_that_cannot_be_read_again_does_not_stop_its_watch(
    scene: Scene, state: State | None
) -> None:
    class Forgetful(Store):
        def enqueue(self, change: Enqueue) -> Pending:
            return super().enqueue(
                replace(change, state=state) if state and first(change) else change
            )

        async def written(self, pending: Pending) -> list[Any]:
            """Return False, as for a notification that exists already."""
            results = await super().written(pending)
            return [False] if any(map(first, pending.unit.changes)) else results

        async def get(self, task_id: str) -> Task | None:
            return None if state is None and task_id.endswith(":1") else await super().get(task_id)

    scene.keep_in(Forgetful)
    watch = await scene.answer(project := scene.project())
    scene.set(scene.latest(project), "RUNNING")
    await scene.look()
    kept = await scene.watches.get(watch.channel_id, watch.ts)
    assert kept == watch.model_copy(update={"notifications": 1})
    await scene.look()
    second = await scene.store.get(f"notification:{watch.id}:2")
    assert second is not None
    assert [said["kind"] for said in second.state["news"]] == ["moved"]


async def test_a_watch_that_was_stopped_during_the_look_is_not_reported(scene: Scene) -> None:
    project = scene.project()
    watch = await scene.answer(project)
    scene.set(scene.latest(project), "RUNNING")

    class Stopping(Store):
        async def read(self, collection: str, key: str) -> State | None:
            await self.amend(collection, key, lambda _: None)
            return await super().read(collection, key)

    scene.keep_in(Stopping)
    await scene.look()
    assert await scene.notifications_of(watch) == []
    assert await scene.watches.all() == []


async def test_a_watch_that_began_anew_during_the_look_is_reported_once(scene: Scene) -> None:
    class Restarting(Store):
        newer: Watch | None = None

        async def read_all(self, collection: str) -> dict[str, State]:
            found = await super().read_all(collection)
            if self.newer is not None:
                newer, self.newer = self.newer, None
                await scene.begin_anew(newer)
            return found

    store = scene.keep_in(Restarting)
    watch = await scene.answer(project := scene.project())
    store.newer = watch.model_copy(update={"id": "newer"})
    scene.set(scene.latest(project), "RUNNING")
    await scene.look_and_deliver()
    await scene.look_and_deliver()
    assert len(scene.replies) == 1


async def test_what_another_process_has_seen_since_is_not_forgotten(scene: Scene) -> None:
    class Overtaken(Store):
        ahead: Watch | None = None

        async def read_all(self, collection: str) -> dict[str, State]:
            found = await super().read_all(collection)
            if self.ahead is not None:
                ahead, self.ahead = self.ahead, None
                await scene.watches.save(ahead)
            return found

    store = scene.keep_in(Overtaken)
    watch = await scene.answer(project := scene.project())
    store.ahead = ahead = watch.model_copy(update={"notifications": 2})
    scene.set(scene.latest(project), "RUNNING")
    await scene.look()
    assert await scene.watches.all() == [ahead]
    assert await scene.notifications_of(watch) == []


@pytest.mark.parametrize("error", [LeaseLostError("gone"), StoreUnavailableError("away")])
async def test_what_is_not_the_pollers_to_deal_with_passes_through(
    scene: Scene, error: Exception
) -> None:
    await scene.answer(scene.project())

    class Failing(Store):
        async def read_all(self, _collection: str) -> dict[str, State]:
            raise error

    scene.keep_in(Failing)
    with pytest.raises(type(error)):
        await scene.look()


async def test_whatever_else_happens_is_logged_and_outlived(scene: Scene) -> None:
    await scene.answer(scene.project())

    class Broken(Store):
        async def read_all(self, collection: str) -> dict[str, State]:
            raise ZeroDivisionError(collection)

    scene.keep_in(Broken)
    with capture_logs() as logs:
        then = await scene.look()
    assert then == RunAgain(60, {})
    assert logs[0]["exc_info"]


async def test_a_watch_that_cannot_be_looked_at_is_not_in_the_others_way(scene: Scene) -> None:
    class HalfBroken(Store):
        broken = ""

        async def read(self, collection: str, key: str) -> State | None:
            if key == self.broken:
                raise ZeroDivisionError(key)
            return await super().read(collection, key)

    store = scene.keep_in(HalfBroken)
    projects = [scene.project(name) for name in ("one", "two")]
    watches = [await scene.answer(project) for project in projects]
    store.broken = f"{watches[0].channel_id}:{watches[0].ts}"
    for project in projects:
        scene.set(scene.latest(project), "RUNNING")
    with capture_logs() as logs:
        await scene.look()
    assert any(line["event"] == "cannot compare a watch" for line in logs)
    assert await scene.news(watches[1]) == ["moved"]


async def test_a_watch_that_another_version_wrote_is_left_to_it(scene: Scene) -> None:
    watch = await scene.answer(scene.project())
    await scene.store.amend("watches", "C1:1", lambda _: {"from": "the future"})
    with capture_logs() as logs:
        assert await scene.watches.all() == [watch]
    assert logs[0]["watch"] == "C1:1"
    assert await scene.store.read("watches", "C1:1") is not None


async def test_a_memory_that_another_version_wrote_is_begun_anew(scene: Scene) -> None:
    await scene.answer(scene.project())
    await scene.submit(POLL, POLL, {"interval": "often"})
    assert 15 <= (await scene.look()).in_seconds <= 18


async def test_a_watch_ends_after_14_days_even_where_nothing_is_known(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    scene.set(scene.latest(project), "FAILED")
    scene.baseten.faults.always("/v1/training_projects/.*", Respond(400))
    await scene.look(after=timedelta(days=14).total_seconds())
    assert await scene.news(watch) == ["expired"]
    assert await scene.watches.all() == []


async def test_a_watch_ends_after_14_days_even_where_baseten_tells_nothing(scene: Scene) -> None:
    old = await scene.answer(scene.project(status="RUNNING"))
    scene.clock.advance(timedelta(days=13).total_seconds())
    young = await scene.answer(scene.project("another", "RUNNING"))
    scene.baseten.faults.always(".*", Respond(401, {"code": "UNAUTHORIZED", "message": "no"}))
    await scene.look()
    assert len(await scene.watches.all()) == 2
    await scene.look(after=timedelta(days=1).total_seconds())
    assert await scene.news(old) == ["expired"]
    assert await scene.watches.all() == [young]


async def test_who_joins_during_the_look_is_told_too(scene: Scene) -> None:
    async def join(person: str) -> None:
        await scene.watches.add_watcher(watch.channel_id, watch.ts, person)

    class Joining(Store):
        looking = False

        async def read_all(self, collection: str) -> dict[str, State]:
            found = await super().read_all(collection)
            if self.looking:
                self.looking = False
                await join("U0KIM00001")
            return found

        async def written(self, pending: Pending) -> list[Any]:
            if notifies(pending):
                await join("U0LEE00001")
            return await super().written(pending)

    store = scene.keep_in(Joining)
    watch = await scene.answer(project := scene.project())
    scene.set(scene.latest(project), "RUNNING")
    store.looking = True
    await scene.look()
    (notification,) = await scene.notifications_of(watch)
    assert notification.watch.watchers == (*watch.watchers, "U0KIM00001")
    (kept,) = await scene.watches.all()
    assert kept.watchers == (*watch.watchers, "U0KIM00001", "U0LEE00001")


@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
async def test_a_watch_that_began_during_the_look_is_neither_changed_nor_ended(
    scene: Scene, status: str
) -> None:
    class Restarting(Store):
        async def written(self, pending: Pending) -> list[Any]:
            if notifies(pending):
                await scene.begin_anew(newer)
            return await super().written(pending)

    scene.keep_in(Restarting)
    watch = await scene.answer(project := scene.project())
    newer = watch.model_copy(update={"id": "newer"})
    scene.set(scene.latest(project), status)
    await scene.look()
    assert await scene.watches.all() == [newer]
