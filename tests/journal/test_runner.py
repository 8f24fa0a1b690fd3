"""Accepted work is done, whatever happens."""

import asyncio
import time
from collections.abc import Collection

from bot.journal.journal import Entry, Journal
from bot.journal.memory import MemoryJournal
from bot.journal.steps import Done, Later, Next, Steps
from tests.journal.conftest import until
from tests.journal.jobs import Job, done, runner_of, running


async def test_accepted_work_begins_at_once_without_a_claim(journal: Journal) -> None:
    job = Job()
    runner = runner_of(journal, job.handle)  # nothing runs it: nothing claims
    assert await runner.accept("one", "open", {"text": "a b"})
    await until(lambda: job.begun)
    assert job.begun[0].state == {"text": "a b"}
    job.may_end.set()
    assert (await done(journal)).error is None
    assert await runner.drain(10) == 0


async def test_work_accepted_twice_is_done_once(journal: Journal) -> None:
    job = Job(Done())
    runner = runner_of(journal, job.handle)
    assert await runner.accept("one", "open", {})
    assert not await runner.accept("one", "open", {})
    await done(journal)
    assert not await runner.accept("one", "open", {})
    assert len(job.begun) == 1


async def test_work_left_in_the_journal_is_done_without_waiting_for_a_poll(
    journal: Journal,
) -> None:
    job = Job(Done())
    async with running(runner_of(journal, job.handle)) as runner:
        await until(lambda: runner.trouble is None)
        asked = time.monotonic()
        await journal.submit("one", "open", {}, after=0)
        await done(journal)
        assert job.began_at[0] - asked < 1


async def test_work_of_another_version_is_left_alone(journal: Journal) -> None:
    job = Job(Done())
    await journal.submit("one", "unknown", {}, after=0)
    async with running(runner_of(journal, job.handle)):
        await journal.submit("two", "open", {}, after=0)
        await done(journal, "two")
    entry = await journal.get("one")
    assert entry is not None
    assert (entry.fence, entry.done) == (0, False)


async def test_a_sleep_holds_nothing_and_goes_on_with_its_state(journal: Journal) -> None:
    async def watch(entry: Entry, _: Steps) -> Next:
        turns = entry.state["turns"]
        return Done() if turns == 3 else Later(0.05, {"turns": turns + 1})

    job = Job(watch)
    async with running(runner_of(journal, job.handle)) as runner:
        await runner.accept("one", "open", {"turns": 1})
        await done(journal)
    assert [entry.state["turns"] for entry in job.begun] == [1, 2, 3]
    assert not any(entry.dirty for entry in job.begun)
    assert job.began_at[-1] - job.began_at[0] < 2  # no poll was waited for


async def test_timers_close_together_are_taken_in_one_go() -> None:
    job, journal = Job(Done()), MemoryJournal()
    for number in range(3):
        await journal.submit(f"{number}", "open", {}, after=0.4 + number * 0.1)
    async with running(runner_of(journal, job.handle)):
        await until(lambda: len(job.begun) == 3)
    assert job.began_at[-1] - job.began_at[0] < 0.09


async def test_work_that_always_fails_is_given_up(journal: Journal) -> None:
    async def fail(_entry: Entry, _steps: Steps) -> Next:
        raise ValueError("never")

    runner = runner_of(journal, fail, retries=0)
    await runner.accept("one", "open", {})
    assert (await done(journal)).error == "ValueError: never"


async def test_no_more_is_under_way_than_there_is_room_for(journal: Journal) -> None:
    job = Job()
    async with running(runner_of(journal, job.handle, concurrency=2)) as runner:
        await until(lambda: runner.trouble is None)  # it has claimed, and waits
        assert all(await asyncio.gather(*(runner.accept(f"{n}", "open", {}) for n in range(7))))
        await until(lambda: len(job.begun) == 2)
        began = time.monotonic()
        job.may_end.set()
        for number in range(7):
            await done(journal, f"{number}")
        assert time.monotonic() - began < 1.5  # no poll was waited for
    assert job.most == 2
    assert len(job.begun) == 7


async def test_draining_waits_for_what_is_under_way_and_takes_no_more(journal: Journal) -> None:
    job = Job()
    runner = runner_of(journal, job.handle)
    async with running(runner):
        await runner.accept("one", "open", {})
        await until(lambda: job.begun)
        draining = asyncio.create_task(runner.drain(20))
        await asyncio.wait([draining], timeout=0.05)
        await journal.submit("two", "open", {}, after=0)
        assert await runner.accept("three", "open", {})  # its dispatch had begun before
        job.may_end.set()
        assert await draining == 0
        assert {entry.id for entry in await journal.claim(["open"], 10)} == {"two", "three"}
    assert [entry.id for entry in job.begun] == ["one"]


class Slow(MemoryJournal):
    """A journal whose answer to a claim is long under way."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed, self.may_answer = asyncio.Event(), asyncio.Event()

    async def claim(self, kinds: Collection[str], limit: int) -> list[Entry]:
        entries = await super().claim(kinds, limit)
        self.claimed.set()
        await self.may_answer.wait()
        return entries


async def test_draining_waits_for_a_claim_that_is_under_way() -> None:
    job, journal = Job(Done()), Slow()
    await journal.submit("one", "open", {}, after=0)
    async with running(runner_of(journal, job.handle)) as runner:
        await journal.claimed.wait()
        draining = asyncio.create_task(runner.drain(20))
        await asyncio.wait([draining], timeout=0.05)
        assert not draining.done()
        journal.may_answer.set()
        assert await draining == 0
        assert (await done(journal)).error is None


async def test_room_that_is_made_during_a_claim_is_used_at_once() -> None:
    first, others, journal = Job(), Job(), Slow()
    runner = runner_of(journal, first.handle, concurrency=2)
    runner.on("other", others.handle)
    await runner.accept("one", "open", {})
    for number in range(2):
        await journal.submit(f"other {number}", "other", {}, after=0)
    async with running(runner):
        await journal.claimed.wait()
        first.may_end.set()
        await done(journal)
        journal.may_answer.set()
        await until(lambda: len(others.begun) == 2)
        assert others.began_at[1] - others.began_at[0] < 1


async def test_late_work_is_free_at_once_and_dirty(journal: Journal) -> None:
    job = Job()
    runner = runner_of(journal, job.handle)
    await runner.accept("one", "open", {"step": "upsert"})
    await runner.accept("two", "open", {"step": "upsert"})
    assert await runner.drain(0) == 2
    taken = await journal.claim(["open"], 10)
    assert {(entry.id, entry.dirty) for entry in taken} == {("one", True), ("two", True)}


class Broken(MemoryJournal):
    """A journal that breaks its word."""

    broken: str | None = "unforeseen"
    looks = 0

    async def claim(self, kinds: Collection[str], limit: int) -> list[Entry]:
        self.looks += 1
        if self.broken:
            raise ZeroDivisionError(self.broken)
        return await super().claim(kinds, limit)

    async def looked_again(self, looks: int) -> None:
        await until(lambda: self.looks > looks)


async def test_the_loop_outlives_what_nobody_expected() -> None:
    job, journal = Job(Done()), Broken()
    runner = runner_of(journal, job.handle)
    assert runner.trouble == "has not looked for work yet"
    async with running(runner):
        await until(lambda: runner.trouble == "cannot take work: unforeseen")
        journal.broken = None
        await journal.submit("one", "open", {}, after=0)
        await done(journal)
        assert runner.trouble is None


async def test_trouble_is_told_when_it_changes_and_whoever_hears_cannot_stop_the_loop() -> None:
    heard: list[str | None] = []

    def fail(_: str | None) -> None:
        raise ValueError("cannot hear")

    journal = Broken()
    runner = runner_of(journal, Job(Done()).handle)
    runner.hear(fail)
    runner.hear(heard.append)
    async with running(runner):
        for number, trouble in enumerate(("one", "one", "two", None, None)):
            journal.broken, looks = trouble, journal.looks
            await journal.submit(f"{number}", "open", {}, after=0)  # and that wakes it
            await journal.looked_again(looks)
        for number in range(5):
            await done(journal, f"{number}")
    assert heard == ["cannot take work: one", "cannot take work: two", None]


async def test_that_all_is_well_is_told_once_at_first() -> None:
    heard: list[str | None] = []
    journal = Broken()
    journal.broken = None
    runner = runner_of(journal, Job(Done()).handle)
    runner.hear(heard.append)
    async with running(runner):
        await until(lambda: heard == [None])
        await journal.submit("one", "open", {}, after=0)
        await done(journal)
    assert heard == [None]
