"""A handler may take long: its lease is renewed while it works, or it ends."""

import asyncio
import time
from dataclasses import replace

import pytest

from bot.journal.journal import Entry, Journal, JournalUnavailableError, LostLeaseError
from bot.journal.memory import MemoryJournal
from bot.journal.steps import Done, Next, Steps
from tests.journal.conftest import Open, until
from tests.journal.jobs import Job, claimed, done, runner_of, running, seen, submitted

SHORT = 0.5  # seconds; a lease that a test can outlive
LONGER = 1.5  # seconds; one in which a busy machine can renew it in time


class Tried(MemoryJournal):
    """A journal that counts the renewals that were asked for, and makes some."""

    def __init__(self, lease: float, broken: int = 0) -> None:
        super().__init__(lease)
        self.renewals, self.broken = 0, broken

    async def renew(self, entry: Entry) -> Entry:
        self.renewals += 1
        if self.renewals <= self.broken:
            raise JournalUnavailableError("away")
        return await super().renew(entry)


async def outlives(entry: Entry, steps: Steps, leases: int = 2) -> None:
    """Work for longer than some leases."""
    await until(lambda: time.monotonic() > entry.deadline + (leases - 1) * LONGER)
    steps.check()


async def test_a_handler_may_take_longer_than_its_lease(opening: Open) -> None:
    async def work_long(entry: Entry, steps: Steps) -> Next:
        await outlives(entry, steps)
        assert replace(steps.entry, deadline=0) == replace(entry, deadline=0)
        return Done()

    async with opening(LONGER) as journal:
        job = Job(work_long)
        async with running(runner_of(journal, job.handle)) as runner:
            assert await runner.accept("one", "open", {"step": "upsert"})
            entry = await done(journal)
    assert (len(job.begun), entry.fence, entry.error) == (1, 1, None)


async def test_what_is_kept_during_a_renewal_stays() -> None:
    class Slow(MemoryJournal):
        """A journal whose answer to a renewal is long under way."""

        def __init__(self) -> None:
            super().__init__(SHORT)
            self.renewed, self.may_answer = asyncio.Event(), asyncio.Event()

        async def renew(self, entry: Entry) -> Entry:
            renewed = await super().renew(entry)
            self.renewed.set()
            await self.may_answer.wait()
            return renewed

    async def keep_meanwhile(_: Entry, steps: Steps) -> Next:
        await journal.renewed.wait()
        kept = await steps.keep({"step": "post"})
        journal.may_answer.set()
        await asyncio.sleep(0)  # the answer comes
        await asyncio.sleep(0)
        assert steps.entry == kept
        return Done()

    journal = Slow()
    runner = runner_of(journal, keep_meanwhile, retries=0)
    await runner.accept("one", "open", {"step": "upsert"})
    entry = await done(journal)
    assert (entry.error, entry.state) == (None, {"step": "post"})


async def test_what_was_kept_is_not_done_again(journal: Journal) -> None:
    async def two_steps(entry: Entry, steps: Steps) -> Next:
        if entry.state["step"] == "upsert":
            kept = await steps.keep({"step": "post"})
            assert kept == steps.entry
            raise ConnectionError("Slack is away")
        return Done()

    job = Job(two_steps)
    async with running(runner_of(journal, job.handle)) as runner:
        await runner.accept("one", "open", {"step": "upsert"})
        await done(journal)
    first, second = job.begun
    assert (first.state, first.dirty, first.fails) == ({"step": "upsert"}, False, 0)
    assert (second.state, second.dirty, second.fails) == ({"step": "post"}, True, 1)
    assert second.error == "ConnectionError: Slack is away"


async def test_a_handler_that_ends_soon_costs_no_renewal() -> None:
    journal = Tried(SHORT)
    handle = Job(Done()).handle
    entry = await submitted(journal)
    assert await Steps(journal, entry).run(handle) == Done()
    await until(lambda: time.monotonic() > entry.deadline)
    assert journal.renewals == 0


async def test_a_step_ends_at_its_bound_and_the_next_has_one_of_its_own() -> None:
    journal = Tried(SHORT)
    entry = await submitted(journal)
    begun: list[float] = []

    async def walk(_: Entry, steps: Steps) -> Next:
        for step in range(3):
            begun.append(time.monotonic())
            await until(lambda: time.monotonic() > begun[-1] + 0.6)
            await steps.keep({"step": step})
        begun.append(time.monotonic())
        await asyncio.Event().wait()
        raise AssertionError

    steps = Steps(journal, entry, longest=1)
    with pytest.raises(TimeoutError):
        await steps.run(walk)
    assert len(begun) == 4
    assert time.monotonic() - begun[-1] > 0.9
    assert journal.renewals > 3
    steps.check()  # the lease is held all the same


async def test_who_slept_past_the_lease_finds_out_before_it_sends(opening: Open) -> None:
    async with opening(SHORT) as journal:
        entry = await journal.submit("one", "open", {})
        assert entry is not None
        steps = Steps(journal, entry)
        steps.check()
        time.sleep(SHORT)  # noqa: ASYNC251 - as a process that was stopped
        with pytest.raises(LostLeaseError):
            steps.check()


async def test_a_handler_whose_work_was_taken_over_ends_and_the_work_is_let_be(
    opening: Open,
) -> None:
    async with opening(2 * LONGER) as journal:
        job = Job()
        runner = runner_of(journal, job.handle, retries=0)
        await runner.accept("one", "open", {})
        await until(lambda: job.begun)
        await journal.abandon(job.begun[0])
        taken = await claimed(journal)  # by somebody else
        assert await runner.drain(20) == 0
        assert job.ended_at < job.begun[0].deadline - journal.lease / 3  # at the first renewal
        assert await seen(journal) == replace(taken, deadline=(await seen(journal)).deadline)
        await journal.keep(taken, {})


async def test_work_that_ended_elsewhere_is_let_be(opening: Open) -> None:
    async with opening(LONGER) as journal:
        job = Job()
        runner = runner_of(journal, job.handle)
        await runner.accept("one", "open", {})
        await until(lambda: job.begun)
        await journal.finish(job.begun[0])
        job.may_end.set()
        assert await runner.drain(20) == 0
        assert (await seen(journal)).error is None


async def test_a_renewal_that_is_not_made_is_tried_again_soon() -> None:
    async def work_long(entry: Entry, steps: Steps) -> Next:
        await outlives(entry, steps)
        return Done()

    journal = Tried(LONGER, broken=2)
    runner = runner_of(journal, work_long, retries=0)
    await runner.accept("one", "open", {})
    assert (await done(journal)).error is None
    assert journal.renewals > 3


async def test_a_handler_ends_before_its_lease_does_and_lets_it_run_out() -> None:
    journal, job = Tried(LONGER, broken=1000), Job()
    runner = runner_of(journal, job.handle, retries=0)
    await runner.accept("one", "open", {"step": "upsert"})
    assert await runner.drain(20) == 0
    assert job.ended_at < job.begun[0].deadline
    assert 1 < journal.renewals < 20
    entry = await seen(journal)
    assert (entry.done, entry.fails, entry.dirty, entry.fence) == (False, 0, False, 1)
    taken = await claimed(journal)
    assert time.monotonic() >= job.begun[0].deadline
    assert (taken.dirty, taken.state) == (True, {"step": "upsert"})


async def test_draining_gives_back_what_was_renewed(opening: Open) -> None:
    async def work_for_ever(entry: Entry, steps: Steps) -> Next:
        await outlives(entry, steps, leases=1)
        old.set()
        await asyncio.Event().wait()
        raise AssertionError

    old = asyncio.Event()
    async with opening(LONGER) as journal:
        runner = runner_of(journal, work_for_ever)
        await runner.accept("one", "open", {"step": "upsert"})
        await old.wait()
        assert await runner.drain(0) == 1
        (taken,) = await journal.claim(["open"], 10)
        assert (taken.dirty, taken.fails, taken.state) == (True, 0, {"step": "upsert"})
