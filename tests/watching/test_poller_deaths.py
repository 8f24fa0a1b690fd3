"""Processes that die, journals that break, watches that end meanwhile: nothing is lost."""

from datetime import timedelta

import pytest
from bot.journal.journal import Entry, JournalUnavailableError, LostLeaseError, State
from bot.journal.memory import MemoryJournal
from bot.journal.steps import Later
from structlog.testing import capture_logs

from bot.sandbox import Respond
from bot.watching.poller import POLL
from bot.watching.watches import Watch
from tests.watching.scene import Scene


class DyingJournal(MemoryJournal):
    """A journal whose process dies once, after a report was handed in."""

    dies = False

    async def amend(self, collection: str, key: str, value: State) -> bool:
        self._die()
        return await super().amend(collection, key, value)

    async def remove(self, collection: str, key: str) -> None:
        self._die()
        await super().remove(collection, key)

    def _die(self) -> None:
        if self.dies:
            self.dies = False
            raise JournalUnavailableError("died")


async def dies_between(scene: Scene) -> None:
    """Look once, and die after the report was handed in."""
    journal = scene.journal
    assert isinstance(journal, DyingJournal)
    journal.dies = True
    with pytest.raises(JournalUnavailableError):
        await scene.look()
    assert not journal.dies
    entry = await journal.get(POLL)
    assert entry is not None
    await journal.abandon(entry)


@pytest.fixture
def dying(scene: Scene) -> Scene:
    scene.keep_in(DyingJournal())
    return scene


async def test_after_a_death_nothing_is_lost_and_nothing_said_twice(dying: Scene) -> None:
    project = dying.project()
    watch = await dying.answer(project)
    dying.set(dying.latest(project), "DEPLOYING")
    await dies_between(dying)
    assert await dying.watches.every() == [watch]
    dying.set(dying.latest(project), "RUNNING")
    await dying.look()
    assert await dying.news(watch) == ["moved"]
    await dying.look()
    first, second = await dying.reported(watch)
    assert [said.job.current_status for said in (*first.news, *second.news)] == [  # type: ignore[union-attr]
        "TRAINING_JOB_DEPLOYING",
        "TRAINING_JOB_RUNNING",
    ]


async def test_after_a_death_a_watch_that_was_over_is_over(dying: Scene) -> None:
    project = dying.project(status="RUNNING")
    watch = await dying.answer(project)
    dying.set(dying.latest(project), "FAILED")
    await dies_between(dying)
    assert await dying.watches.every() == [watch]
    await dying.look()
    assert await dying.watches.every() == []
    assert await dying.news(watch) == ["ended"]


@pytest.mark.parametrize("state", [None, {"from": "another version"}])
async def test_a_report_that_cannot_be_read_again_does_not_stop_its_watch(
    scene: Scene, state: State | None
) -> None:
    class Forgetful(MemoryJournal):
        async def submit(
            self, entry_id: str, kind: str, handed_in: State, *, after: float | None = None
        ) -> Entry | None:
            if not entry_id.endswith(":1"):
                return await super().submit(entry_id, kind, handed_in, after=after)
            if state is not None:
                await super().submit(entry_id, kind, state, after=after)
            return None

    scene.keep_in(Forgetful())
    watch = await scene.answer(project := scene.project())
    scene.set(scene.latest(project), "RUNNING")
    await scene.look()
    kept = await scene.watches.of(watch.channel_id, watch.ts)
    assert kept == watch.model_copy(update={"reports": 1})
    await scene.look()
    second = await scene.journal.get(f"report:{watch.id}:2")
    assert second is not None
    assert [said["kind"] for said in second.state["news"]] == ["moved"]


async def test_a_watch_that_was_stopped_during_the_look_is_not_reported(scene: Scene) -> None:
    project = scene.project()
    watch = await scene.answer(project)
    scene.set(scene.latest(project), "RUNNING")

    class Stopping(MemoryJournal):
        async def read(self, collection: str, key: str) -> State | None:
            await self.remove(collection, key)
            return await super().read(collection, key)

    stopping = Stopping()
    for key, value in (await scene.journal.read_all("watches")).items():
        await stopping.put("watches", key, value)
    scene.keep_in(stopping)
    await scene.look()
    assert await scene.reported(watch) == []
    assert await scene.watches.every() == []


async def test_a_watch_that_began_anew_during_the_look_is_reported_once(scene: Scene) -> None:
    class Restarting(MemoryJournal):
        newer: Watch | None = None

        async def read_all(self, collection: str) -> dict[str, State]:
            found = await super().read_all(collection)
            if self.newer is not None:
                newer, self.newer = self.newer, None
                await scene.begin_anew(newer)
            return found

    scene.keep_in(journal := Restarting())
    watch = await scene.answer(project := scene.project())
    journal.newer = watch.model_copy(update={"id": "newer"})
    scene.set(scene.latest(project), "RUNNING")
    await scene.look_and_report()
    await scene.look_and_report()
    assert len(scene.replies) == 1


async def test_what_another_process_has_seen_since_is_not_forgotten(scene: Scene) -> None:
    class Overtaken(MemoryJournal):
        ahead: Watch | None = None

        async def read_all(self, collection: str) -> dict[str, State]:
            found = await super().read_all(collection)
            if self.ahead is not None:
                ahead, self.ahead = self.ahead, None
                await scene.watches.save(ahead)
            return found

    scene.keep_in(journal := Overtaken())
    watch = await scene.answer(project := scene.project())
    journal.ahead = ahead = watch.model_copy(update={"reports": 2})
    scene.set(scene.latest(project), "RUNNING")
    await scene.look()
    assert await scene.watches.every() == [ahead]
    assert await scene.reported(watch) == []


@pytest.mark.parametrize("error", [LostLeaseError("gone"), JournalUnavailableError("away")])
async def test_what_is_not_the_pollers_to_deal_with_passes_through(
    scene: Scene, error: Exception
) -> None:
    await scene.answer(scene.project())

    class Failing(MemoryJournal):
        async def read_all(self, _collection: str) -> dict[str, State]:
            raise error

    scene.keep_in(Failing())
    with pytest.raises(type(error)):
        await scene.look()


async def test_whatever_else_happens_is_logged_and_outlived(scene: Scene) -> None:
    await scene.answer(scene.project())

    class Broken(MemoryJournal):
        async def read_all(self, collection: str) -> dict[str, State]:
            raise ZeroDivisionError(collection)

    scene.keep_in(Broken())
    with capture_logs() as logs:
        then = await scene.look()
    assert then == Later(60, {})
    assert logs[0]["exc_info"]


async def test_a_watch_that_cannot_be_looked_at_is_not_in_the_others_way(scene: Scene) -> None:
    class HalfBroken(MemoryJournal):
        broken = ""

        async def read(self, collection: str, key: str) -> State | None:
            if key == self.broken:
                raise ZeroDivisionError(key)
            return await super().read(collection, key)

    scene.keep_in(journal := HalfBroken())
    projects = [scene.project(name) for name in ("one", "two")]
    watches = [await scene.answer(project) for project in projects]
    journal.broken = f"{watches[0].channel_id}:{watches[0].ts}"
    for project in projects:
        scene.set(scene.latest(project), "RUNNING")
    with capture_logs() as logs:
        await scene.look()
    assert any(line["event"] == "could not look at a watch" for line in logs)
    assert await scene.news(watches[1]) == ["moved"]


async def test_a_watch_that_another_version_wrote_is_left_to_it(scene: Scene) -> None:
    watch = await scene.answer(scene.project())
    await scene.journal.put("watches", "C1:1", {"from": "the future"})
    with capture_logs() as logs:
        assert await scene.watches.every() == [watch]
    assert logs[0]["watch"] == "C1:1"
    assert await scene.journal.read("watches", "C1:1") is not None


async def test_a_memory_that_another_version_wrote_is_begun_anew(scene: Scene) -> None:
    await scene.answer(scene.project())
    await scene.journal.submit(POLL, POLL, {"interval": "often"}, after=0)
    assert 15 <= (await scene.look()).seconds <= 18


async def test_a_watch_ends_after_14_days_even_where_nothing_is_known(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    scene.set(scene.latest(project), "FAILED")
    scene.baseten.faults.always("/v1/training_projects/.*", Respond(400))
    await scene.look(after=timedelta(days=14).total_seconds())
    assert await scene.news(watch) == ["expired"]
    assert await scene.watches.every() == []


async def test_a_watch_ends_after_14_days_even_where_baseten_tells_nothing(scene: Scene) -> None:
    old = await scene.answer(scene.project(status="RUNNING"))
    scene.clock.advance(timedelta(days=13).total_seconds())
    young = await scene.answer(scene.project("another", "RUNNING"))
    scene.baseten.faults.always(".*", Respond(401, {"code": "UNAUTHORIZED", "message": "no"}))
    await scene.look()
    assert len(await scene.watches.every()) == 2
    await scene.look(after=timedelta(days=1).total_seconds())
    assert await scene.news(old) == ["expired"]
    assert await scene.watches.every() == [young]


async def test_who_joins_during_the_look_is_told_too(scene: Scene) -> None:
    async def join(person: str) -> None:
        await scene.watches.join(watch.channel_id, watch.ts, person)

    class Joining(MemoryJournal):
        looking = False

        async def read_all(self, collection: str) -> dict[str, State]:
            found = await super().read_all(collection)
            if self.looking:
                self.looking = False
                await join("U0KIM00001")
            return found

        async def submit(
            self, entry_id: str, kind: str, state: State, *, after: float | None = None
        ) -> Entry | None:
            if entry_id != POLL:
                await join("U0LEE00001")
            return await super().submit(entry_id, kind, state, after=after)

    scene.keep_in(journal := Joining())
    watch = await scene.answer(project := scene.project())
    scene.set(scene.latest(project), "RUNNING")
    journal.looking = True
    await scene.look()
    (report,) = await scene.reported(watch)
    assert report.watch.watchers == (*watch.watchers, "U0KIM00001")
    (kept,) = await scene.watches.every()
    assert kept.watchers == (*watch.watchers, "U0KIM00001", "U0LEE00001")


@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
async def test_a_watch_that_began_during_the_look_is_neither_changed_nor_ended(
    scene: Scene, status: str
) -> None:
    class Restarting(MemoryJournal):
        async def submit(
            self, entry_id: str, kind: str, state: State, *, after: float | None = None
        ) -> Entry | None:
            if entry_id != POLL:
                await scene.begin_anew(newer)
            return await super().submit(entry_id, kind, state, after=after)

    scene.keep_in(Restarting())
    watch = await scene.answer(project := scene.project())
    newer = watch.model_copy(update={"id": "newer"})
    scene.set(scene.latest(project), status)
    await scene.look()
    assert await scene.watches.every() == [newer]
