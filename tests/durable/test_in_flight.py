"""Background work is counted, limited and drained."""

import asyncio
import gc

import pytest

from bot.durable.in_flight import BusyError, InFlight

LONG = 30.0  # seconds; no test waits for it


class Job:
    """Work that ends on request."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ended = asyncio.Event()
        self.cancelled = False

    async def run(self) -> None:
        self.began.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        self.ended.set()


@pytest.fixture
async def job() -> Job:
    return Job()


async def gone(work: InFlight) -> None:
    async with asyncio.timeout(LONG):
        while len(work):
            await asyncio.sleep(0)


async def test_work_runs_behind_the_back_of_whoever_started_it(job: Job) -> None:
    work = InFlight(1000)
    work.start(job.run)
    assert not job.began.is_set()
    assert len(work) == 1
    job.may_end.set()
    await job.ended.wait()
    await gone(work)


async def test_work_is_held_even_if_nobody_else_holds_it(job: Job) -> None:
    work = InFlight(1000)
    work.start(job.run)
    await job.began.wait()
    gc.collect()
    job.may_end.set()
    async with asyncio.timeout(LONG):
        await job.ended.wait()
    await gone(work)


async def test_work_beyond_the_limit_is_refused_and_closed_unstarted() -> None:
    work, jobs, refused = InFlight(limit=2), [Job(), Job()], Job()
    for job in jobs:
        work.start(job.run)
    # An unclosed coroutine would be reported, and fail this test, when it is collected.
    with pytest.raises(BusyError):
        work.start(refused.run)
    gc.collect()
    assert len(work) == 2
    assert not refused.began.is_set()
    for job in jobs:
        job.may_end.set()
    assert await work.drain(LONG) == 0


async def test_there_is_room_again_when_work_is_done(job: Job) -> None:
    work, second = InFlight(limit=1), Job()
    work.start(job.run)
    job.may_end.set()
    await gone(work)
    work.start(second.run)
    second.may_end.set()
    assert await work.drain(LONG) == 0
    assert second.ended.is_set()


async def test_work_that_fails_makes_room_too() -> None:
    async def fail() -> None:
        raise ValueError

    work = InFlight(limit=1)
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    work.start(fail)
    await gone(work)
    assert await work.drain(LONG) == 0


async def test_draining_with_nothing_under_way_ends_at_once() -> None:
    assert await InFlight(1000).drain(LONG) == 0


async def test_draining_waits_for_what_is_under_way(job: Job) -> None:
    work = InFlight(1000)
    work.start(job.run)
    draining = asyncio.create_task(work.drain(LONG))
    await job.began.wait()
    assert not draining.done()
    job.may_end.set()
    assert await draining == 0
    assert job.ended.is_set()
    assert not job.cancelled


async def test_late_work_is_cancelled_and_counted(job: Job) -> None:
    work, prompt, late = InFlight(1000), Job(), [job, Job()]
    prompt.may_end.set()
    for each in (prompt, *late):
        work.start(each.run)
    await asyncio.gather(*(each.began.wait() for each in (prompt, *late)))
    assert await work.drain(0.01) == 2
    assert prompt.ended.is_set()
    assert [each.cancelled for each in late] == [True, True]
    await gone(work)


async def test_late_work_may_say_its_last_words() -> None:
    said = asyncio.Event()
    began = asyncio.Event()

    async def last_words() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            said.set()

    work = InFlight(1000)
    work.start(last_words)
    await began.wait()
    assert await work.drain(0.01) == 1
    assert said.is_set()


async def test_work_accepted_while_draining_is_finished_too(job: Job) -> None:
    """A command that is dispatched during the drain is still accepted."""
    work, second = InFlight(1000), Job()

    async def run() -> None:
        await job.run()
        work.start(second.run)

    work.start(run)
    draining = asyncio.create_task(work.drain(LONG))
    await job.began.wait()
    job.may_end.set()
    await second.began.wait()
    await asyncio.wait([draining], timeout=0.05)
    assert not draining.done()
    second.may_end.set()
    assert await draining == 0
    assert second.ended.is_set()


async def test_after_draining_there_is_no_room() -> None:
    work = InFlight(1000)
    await work.drain(LONG)
    with pytest.raises(BusyError):
        work.start(Job().run)
