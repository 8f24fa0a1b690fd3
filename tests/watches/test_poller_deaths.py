"""Processes die, stores break, watches end during a poll: nothing is lost."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

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
from bot.follows.store import Follows
from bot.sandbox import Respond
from bot.watches.model import DELIVER, Watch
from bot.watches.poller import POLL, Poller, PollInterval
from bot.watches.store import Watches
from tests.watches.scene import QUEUE, TOO_LONG, Scene


class DyingStore(Store):
    """A store whose process dies at the change of a watch, before or after the commit."""

    dies: str = ""

    async def write(self, *changes: Change, within: float = 5.0) -> list[Any]:
        dies, self.dies = self.dies, ""
        if dies == "before":
            raise StoreUnavailableError("died")
        results = await super().write(*changes, within=within)
        if dies == "after":
            raise StoreUnavailableError("died", outcome_unknown=True)
        return results


def notifies(changes: Iterable[Change]) -> bool:
    """Whether a delivery is enqueued."""
    return any(isinstance(one, Enqueue) and one.kind == DELIVER for one in changes)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
async def test_after_a_death_nothing_is_lost_and_nothing_said_twice(
    scene: Scene, when: str, status: str
) -> None:
    class Dying(DyingStore):
        async def write(self, *changes: Change, within: float = 5.0) -> list[Any]:
            if notifies(changes):
                self.dies, self.armed = self.armed, ""
            return await super().write(*changes, within=within)

        armed = when

    store = scene.keep_in(Dying)
    watch = await scene.answer(project := scene.project(status="DEPLOYING"))
    scene.set(scene.latest(project), status)
    with pytest.raises(StoreUnavailableError):
        await scene.look()
    task = await store.get(POLL)
    assert task is not None
    await scene.abandon(task)
    await scene.look()
    await scene.look()
    assert await scene.news(watch) == ["moved" if status == "RUNNING" else "ended"]
    await scene.deliver()
    assert len(scene.replies) == 1
    assert scene.answers[0].edits == 1


async def test_two_processes_that_poll_at_once_report_a_change_once(
    scene: Scene, elsewhere: Store
) -> None:
    watch = await scene.answer(project := scene.project())
    scene.set(scene.latest(project), "RUNNING")
    scene.job(project, "PENDING")
    other = Poller(
        scene.client,
        elsewhere,
        Watches(elsewhere, QUEUE),
        Follows(elsewhere, queue=QUEUE),
        PollInterval(),
        TOO_LONG,
        scene.clock,
    )
    task = Task(POLL, POLL, {}, scene.clock())
    await asyncio.gather(
        scene.poller.handle(scene.context(task)), other.handle(scene.context(task))
    )
    assert await scene.news(watch) == ["moved", "newer_job"]
    await scene.deliver()
    assert len(scene.replies) == 2


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
    assert await scene.news(watch) == []
    assert await scene.live() == []


async def test_a_watch_that_began_anew_during_the_look_is_reported_once(scene: Scene) -> None:
    class Restarting(Store):
        newer: Watch | None = None

        async def read_changed(
            self, collection: str, known: Mapping[str, str]
        ) -> tuple[dict[str, str], dict[str, State]]:
            found = await super().read_changed(collection, known)
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


@pytest.mark.parametrize("error", [LeaseLostError("gone"), StoreUnavailableError("away")])
async def test_what_is_not_the_pollers_to_deal_with_passes_through(
    scene: Scene, error: Exception
) -> None:
    await scene.answer(scene.project())

    class Failing(Store):
        async def read_changed(
            self, collection: str, known: Mapping[str, str]
        ) -> tuple[dict[str, str], dict[str, State]]:
            del collection, known
            raise error

    scene.keep_in(Failing)
    with pytest.raises(type(error)):
        await scene.look()


async def test_whatever_else_happens_is_logged_and_outlived(scene: Scene) -> None:
    await scene.answer(scene.project())

    class Broken(Store):
        async def read_changed(
            self, collection: str, known: Mapping[str, str]
        ) -> tuple[dict[str, str], dict[str, State]]:
            del known
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
        assert await scene.live() == [watch]
    assert (logs[0]["collection"], logs[0]["document"]) == ("watches", "C1:1")
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
    assert await scene.live() == []


async def test_a_watch_ends_after_14_days_even_where_baseten_tells_nothing(scene: Scene) -> None:
    old = await scene.answer(scene.project(status="RUNNING"))
    scene.clock.advance(timedelta(days=13).total_seconds())
    young = await scene.answer(scene.project("another", "RUNNING"))
    scene.baseten.faults.always(".*", Respond(401, {"code": "UNAUTHORIZED", "message": "no"}))
    await scene.look()
    assert len(await scene.live()) == 2
    await scene.look(after=timedelta(days=1).total_seconds())
    assert await scene.news(old) == ["expired"]
    assert await scene.live() == [young]


async def test_who_joins_during_the_look_is_told_too(scene: Scene) -> None:
    async def join(person: str) -> None:
        joined = {"id": "joined", "watchers": (person,)}
        await scene.watches.create(watch.model_copy(update=joined))

    class Joining(Store):
        looking = False

        async def write(self, *changes: Change, within: float = 5.0) -> list[Any]:
            if self.looking and notifies(changes):
                self.looking = False
                await join("U0KIM00001")
            return await super().write(*changes, within=within)

    store = scene.keep_in(Joining)
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    scene.set(scene.latest(project), "COMPLETED")
    store.looking = True
    await scene.look()
    assert not store.looking
    await scene.deliver()
    assert "U0KIM00001" in scene.slack.messages[-1].text
    assert watch.watchers[0] in scene.slack.messages[-1].text


@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
async def test_a_watch_that_began_during_the_look_is_neither_changed_nor_ended(
    scene: Scene, status: str
) -> None:
    class Restarting(Store):
        armed = False

        async def write(self, *changes: Change, within: float = 5.0) -> list[Any]:
            if self.armed and notifies(changes):
                self.armed = False
                await scene.begin_anew(newer)
            return await super().write(*changes, within=within)

    store = scene.keep_in(Restarting)
    watch = await scene.answer(project := scene.project())
    newer = watch.model_copy(update={"id": "newer"})
    scene.set(scene.latest(project), status)
    store.armed = True
    await scene.look()
    assert await scene.live() == [newer]
