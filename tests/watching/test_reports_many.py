"""Reports that are too many at once: Slack is to take what people click, too."""

import asyncio

from bot.journal.journal import Entry, State
from bot.journal.memory import MemoryJournal
from bot.journal.steps import Later, Steps

from bot.watching.report import REPORT
from tests.watching.scene import Scene


class CountingJournal(MemoryJournal):
    """A journal that counts how often it is read."""

    read_count = 0

    async def get(self, work_id: str) -> Entry | None:
        self.read_count += 1
        return await super().get(work_id)

    async def read(self, collection: str, key: str) -> State | None:
        self.read_count += 1
        return await super().read(collection, key)


class SlowJournal(MemoryJournal):
    """A journal that is read by many at once."""

    async def read(self, collection: str, key: str) -> State | None:
        await asyncio.sleep(0.01)
        return await super().read(collection, key)


async def bring(scene: Scene, count: int) -> list[Later]:
    """Bring so many reports with one `Reports`; return those that were put off."""
    reports, later = scene.reports, []
    for entry in await scene.journal.claim([REPORT], count):
        steps = Steps(scene.journal, entry)
        then = await steps.run(reports.handle)
        if isinstance(then, Later):
            later.append(then)
            await scene.journal.release(steps.entry, then.state, after=then.seconds)
        else:
            await scene.journal.finish(steps.entry)
    return later


async def test_what_tells_nothing_new_waits_while_much_is_drawn(scene: Scene) -> None:
    project = scene.project()
    watches = [await scene.answer(project) for _ in range(34)]
    scene.baseten.set_job(scene.latest(project), error_message="Spot capacity is available.")
    await scene.look()
    later = await bring(scene, 34)
    # Each is given a moment of its own.
    assert [then.seconds for then in later] == [60, 62, 64, 66]
    assert sum(answer.edits for answer in scene.answers) == 30
    scene.clock.advance(67)
    for watch in watches:
        await scene.journal.wake(f"report:{watch.id}:1")
    assert await bring(scene, 34) == []
    assert sum(answer.edits for answer in scene.answers) == 34


async def test_what_finds_no_room_costs_no_look_into_the_journal(scene: Scene) -> None:
    scene.keep_in(journal := CountingJournal())
    project = scene.project()
    for _ in range(33):
        await scene.answer(project)
    scene.baseten.set_job(scene.latest(project), error_message="Spot capacity is available.")
    await scene.look()
    reports = scene.reports
    for entry in await journal.claim([REPORT], 33):
        journal.read_count = 0
        if isinstance(await Steps(journal, entry).run(reports.handle), Later):
            assert journal.read_count == 0


async def test_of_reports_that_come_at_once_no_more_are_drawn_than_there_is_room_for(
    scene: Scene,
) -> None:
    scene.keep_in(SlowJournal())
    project = scene.project()
    for _ in range(34):
        await scene.answer(project)
    scene.baseten.set_job(scene.latest(project), error_message="Spot capacity is available.")
    await scene.look()
    reports, entries = scene.reports, await scene.journal.claim([REPORT], 34)
    came = await asyncio.gather(*(scene.attempt(entry, reports) for entry in entries))
    assert [then.seconds for then in came if isinstance(then, Later)] == [60, 62, 64, 66]
    assert sum(answer.edits for answer in scene.answers) == 30


async def test_news_waits_too_but_comes_first(scene: Scene) -> None:
    project = scene.project()
    for _ in range(42):
        await scene.answer(project)
    scene.set(scene.latest(project), "RUNNING")
    await scene.look()
    assert len(await bring(scene, 42)) == 2
    assert len(scene.replies) == 40


async def test_the_budget_is_of_one_minute(scene: Scene) -> None:
    project = scene.project()
    for _ in range(31):
        await scene.answer(project)
    scene.baseten.set_job(scene.latest(project), error_message="Spot capacity is available.")
    await scene.look()
    reports = scene.reports
    later = 0
    for entry in await scene.journal.claim([REPORT], 31):
        scene.clock.advance(2.1)
        later += isinstance(await Steps(scene.journal, entry).run(reports.handle), Later)
    assert later == 0
