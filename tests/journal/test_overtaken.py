"""Work that a process takes, or loses, while it is at it."""

import asyncio
import time
from contextlib import suppress

import pytest

from bot.journal.journal import (
    WORK,
    Entry,
    JournalUnavailableError,
    LostLeaseError,
    State,
)
from bot.journal.memory import MemoryJournal
from bot.journal.steps import Done, Next, Steps
from tests.journal.conftest import until
from tests.journal.jobs import Job, claimed, done, runner_of, running, seen, submitted

SHORT = 0.5  # seconds; a lease that a test can outlive


class Jumping(MemoryJournal):
    """A journal whose clock can be set."""

    async def jump(self) -> None:
        """Let every lease be over, by this clock alone."""
        for row in self._rows.values():
            row.run_at = time.monotonic()
        await self.notify(WORK)

    @property
    def fence(self) -> int:
        """How often the only entry was taken."""
        (row,) = self._rows.values()
        return row.entry.fence


async def test_work_that_is_taken_where_it_is_under_way_begins_when_that_has_ended() -> None:
    ended, left = asyncio.Event(), asyncio.Event()

    async def leave_slowly(entry: Entry, _: Steps) -> Next:
        if entry.fence == 3:
            return Done()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
            while not left.is_set():
                with suppress(asyncio.CancelledError):
                    await left.wait()
        raise AssertionError

    journal, job = Jumping(), Job(leave_slowly)
    async with running(runner_of(journal, job.handle)) as runner:
        await runner.accept("one", "open", {"step": "upsert"})
        await until(lambda: job.begun)
        await journal.jump()
        await ended.wait()
        await journal.jump()  # and the next, which waits, ends before it has begun
        await until(lambda: journal.fence == 3)
        assert len(job.begun) == 1
        left.set()
        assert (await done(journal)).error is None
    assert job.most == 1
    assert [(entry.fence, entry.dirty) for entry in job.begun] == [(1, False), (3, True)]


@pytest.mark.parametrize("how", ["returns", "raises", "gives way"])
async def test_a_handler_that_goes_on_after_its_lease_was_lost_changes_nothing(how: str) -> None:
    class Away(MemoryJournal):
        """A journal that renews nothing."""

        async def renew(self, entry: Entry) -> Entry:
            raise JournalUnavailableError(entry.id)

    async def swallow(_: Entry, _steps: Steps) -> Next:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if how == "raises":
                raise TimeoutError from None
            if how == "gives way":
                raise
        return Done()

    journal = Away(SHORT)
    steps = Steps(journal, await submitted(journal))
    with pytest.raises(LostLeaseError):
        await steps.run(swallow)
    runner = runner_of(journal, swallow, retries=0)
    await runner.accept("two", "open", {})
    assert await runner.drain(20) == 0
    entry = await seen(journal, "two")
    assert (entry.done, entry.fails, entry.error) == (False, 0, None)


async def test_a_handler_that_swallows_the_loss_of_its_work_is_told() -> None:
    async def swallow(_: Entry, _steps: Steps) -> Next:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return Done()

    journal = MemoryJournal(2)
    entry = await submitted(journal)
    await journal.abandon(entry)
    await claimed(journal)
    with pytest.raises(LostLeaseError):
        await Steps(journal, entry).run(swallow)


async def test_a_step_that_swallows_the_end_of_its_own_time_may_still_be_saved() -> None:
    async def swallow(_: Entry, _steps: Steps) -> Next:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return Done()

    journal = MemoryJournal()
    entry = await submitted(journal)
    assert await Steps(journal, entry, longest=0.1).run(swallow) == Done()


class Late(MemoryJournal):
    """A journal that is slow to say that it has accepted."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted, self.may_answer = asyncio.Event(), asyncio.Event()

    async def submit(
        self, entry_id: str, kind: str, state: State, *, after: float | None = None
    ) -> Entry | None:
        entry = await super().submit(entry_id, kind, state, after=after)
        self.accepted.set()
        await self.may_answer.wait()
        return entry


@pytest.mark.parametrize("broken", [False, True])
async def test_what_is_accepted_while_it_drains_is_left_for_the_next_process(
    broken: bool,  # noqa: FBT001 - a test's parameter
) -> None:
    class Torn(Late):
        async def abandon(self, entry: Entry) -> None:
            if broken:
                raise JournalUnavailableError(entry.id)
            await super().abandon(entry)

    journal, job = Torn(), Job(Done())
    runner = runner_of(journal, job.handle)
    accepting = asyncio.create_task(runner.accept("before", "open", {}))
    await journal.accepted.wait()
    assert await runner.drain(0) == 0
    journal.may_answer.set()
    assert await accepting
    assert await runner.accept("after", "open", {})
    taken = {entry.id for entry in await journal.claim(["open"], 10)}
    assert taken == ({"after"} if broken else {"before", "after"})
    assert job.begun == []


async def test_draining_does_not_wait_long_for_who_will_not_end() -> None:
    may_end = asyncio.Event()

    async def stay(_: Entry, _steps: Steps) -> Next:
        while not may_end.is_set():
            with suppress(asyncio.CancelledError):
                await may_end.wait()
        return Done()

    journal, job = MemoryJournal(), Job(stay)
    runner = runner_of(journal, job.handle)
    await runner.accept("one", "open", {})
    await until(lambda: job.begun)
    asked = time.monotonic()
    async with asyncio.timeout(10):
        assert await runner.drain(0) == 1
    assert time.monotonic() - asked < 2
    may_end.set()
    await until(lambda: job.ended)


async def test_who_can_accept_nothing_says_so_until_a_write_goes_through() -> None:
    class Full(MemoryJournal):
        """A journal on a disk that may be full: what is there can be read."""

        full, writes = False, 0

        async def submit(
            self, entry_id: str, kind: str, state: State, *, after: float | None = None
        ) -> Entry | None:
            if self.full:
                raise JournalUnavailableError("disk is full")
            return await super().submit(entry_id, kind, state, after=after)

        async def put(self, collection: str, key: str, value: State) -> None:
            self.writes += 1
            if self.full:
                raise JournalUnavailableError("disk is still full")
            await super().put(collection, key, value)

    journal, heard = Full(), list[str | None]()
    runner = runner_of(journal, Job(Done()).handle)
    runner.hear(heard.append)
    async with running(runner):
        await until(lambda: heard == [None])
        journal.full = True
        with pytest.raises(JournalUnavailableError):
            await runner.accept("one", "open", {})
        assert heard[1:] == ["cannot accept work: disk is full"]
        await journal.notify(WORK)
        await until(lambda: journal.writes == 1)
        await journal.notify(WORK)
        await until(lambda: journal.writes == 2)
        assert heard[2:] == ["cannot take work: disk is still full"]
        journal.full = False
        await journal.notify(WORK)
        await until(lambda: runner.trouble is None)
        await runner.accept("one", "open", {})
        await journal.submit("two", "open", {}, after=0)
        await done(journal, "two")
    assert journal.writes == 3
