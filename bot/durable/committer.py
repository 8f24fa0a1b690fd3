"""Group commit: one transaction and one fsync for all waiting changes."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from bot.durable.batch import DocumentRaceError, Unit
from bot.durable.model import Change, StoreUnavailableError

log = structlog.stdlib.get_logger(__name__)

_LARGEST = 500  # units of one batch
_GROUP_DELAY = 0.02  # seconds that a durable unit waits for others in its transaction
_RETRY = 0.5  # seconds until a failed batch is retried
_SLICE = 0.2  # seconds
_STALL = 0.05  # seconds; a timer of a busy event loop is at least this late
_LONGEST_STALL = 15.0  # seconds


class NotWrittenError(Exception):
    """The database did not write the batch, or (``outcome_unknown``) did not confirm it."""

    def __init__(self, why: str, *, outcome_unknown: bool) -> None:
        super().__init__(why)
        self.outcome_unknown = outcome_unknown


class Backend(Protocol):
    """The part of a database that writes batches."""

    async def write(self, units: Sequence[Unit]) -> None:
        """Write units in one transaction, and set their results and errors.

        Raises:
            NotWrittenError: the database did not write or confirm the batch.
            DocumentRaceError: another process wrote one of the documents at the same time.
            Exception: one of the units is at fault, and no unit was written.
        """


class Pending:
    """A unit that waits for its commit.

    Attributes:
        durable: it is retried until it is written.
        sent: the database has received it; its outcome is unknown until ``written`` is done.
        abandoned: its caller no longer waits.
        written: its results, or `StoreUnavailableError`, `LeaseLostError`, or the unit's own error.
    """

    def __init__(self, changes: tuple[Change, ...], *, durable: bool) -> None:
        self.unit = Unit(changes)
        self.durable = durable
        self.sent = False
        self.abandoned = False
        self.written: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()
        self.written.add_done_callback(_retrieve)


class Committer:
    """Write units in batches, one batch at a time.

    Args:
        backend: writes a batch.
        on_problem: receives the reason when a batch fails, and None when one succeeds again.
    """

    def __init__(self, backend: Backend, on_problem: Callable[[str | None], object]) -> None:
        self._backend = backend
        self._on_problem = on_problem
        self._waiting: list[Pending] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._problem: str | None = None
        self._delay: asyncio.TimerHandle | None = None
        self._running = asyncio.create_task(self._run())

    def submit(self, *changes: Change, durable: bool) -> Pending:
        """Queue a unit.

        Args:
            *changes: at most one for each task.
            durable: retry the unit until it is written, and delay it a little to share a
                transaction. Any other unit goes at once, and fails if the database fails.
        """
        pending = Pending(changes, durable=durable)
        self._waiting.append(pending)
        self._idle.clear()
        if not durable:
            self._wake.set()
        elif self._delay is None:
            self._delay = asyncio.get_running_loop().call_later(_GROUP_DELAY, self._wake.set)
        return pending

    async def written(self, pending: Pending, within: float) -> list[object]:
        """Wait for the commit of a unit, and return one result per change.

        Only the database's time counts: a slice in which the event loop was busy is not deducted.

        Raises:
            StoreUnavailableError: the time is up or the database failed. A unit that is still
                queued is withdrawn. For a sent unit, ``outcome_unknown`` is set.
        """
        loop = asyncio.get_running_loop()
        left, last = within, loop.time() + _LONGEST_STALL
        while left > 0 and loop.time() < last and not pending.written.done():
            before, length = loop.time(), min(_SLICE, left)
            await asyncio.wait([pending.written], timeout=length)
            if not pending.written.done():
                await asyncio.sleep(0)  # one turn, which takes long in a busy event loop
                if loop.time() < before + length + _STALL:
                    left -= length
        if pending.written.done():
            return pending.written.result()
        pending.abandoned = True
        if not pending.sent:
            self._waiting.remove(pending)
            pending.written.set_exception(StoreUnavailableError("withdrawn"))
        raise StoreUnavailableError("no answer in time", outcome_unknown=pending.sent)

    async def close(self, within: float) -> int:
        """Write for up to ``within`` seconds; return the number of unwritten units."""
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self._idle.is_set():
                    await self._idle.wait()
                    await asyncio.sleep(0)  # a result can cause further changes
        self._running.cancel()
        await asyncio.wait([self._running])
        left = StoreUnavailableError("the process ended")
        for pending in self._waiting:
            if not pending.written.done():
                pending.written.set_exception(left)
        return len(self._waiting)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            if self._delay is not None:
                self._delay.cancel()
                self._delay = None
            batch = self._next_batch()
            if not batch:
                self._wake.clear()
                self._idle.set()
            elif not await self._write(batch):
                await asyncio.sleep(_RETRY)

    def _next_batch(self) -> list[Pending]:
        """Remove units from the queue, in order and with at most one change per task."""
        batch: list[Pending] = []
        later: list[Pending] = []
        taken: set[str] = set()
        for i, pending in enumerate(self._waiting):
            if len(batch) == _LARGEST:
                later += self._waiting[i:]
                break
            ids = pending.unit.task_ids()
            (batch if taken.isdisjoint(ids) else later).append(pending)
            taken.update(ids)
        self._waiting = later
        for pending in batch:
            pending.sent = True
        return batch

    async def _write(self, batch: list[Pending]) -> bool:
        """Write a batch, or queue its durable units again; return whether the database answers."""
        try:
            await self._backend.write([pending.unit for pending in batch])
        except asyncio.CancelledError:
            self._waiting = batch + self._waiting
            raise
        except NotWrittenError as error:
            self._put_back(batch, error)
            return False
        except DocumentRaceError:
            return await self._write(batch)
        except Exception as error:  # noqa: BLE001 - one unit's fault: bisect
            if len(batch) == 1:
                batch[0].written.set_exception(error)
                return True
            middle = len(batch) // 2
            if await self._write(batch[:middle]):
                return await self._write(batch[middle:])
            for pending in batch[middle:]:
                pending.sent = False
            self._waiting = batch[middle:] + self._waiting
            return False
        self._set_problem(None)
        for pending in batch:
            if pending.unit.error is not None:
                pending.written.set_exception(pending.unit.error)
            else:
                pending.written.set_result(pending.unit.results)
        return True

    def _put_back(self, batch: list[Pending], error: NotWrittenError) -> None:
        self._set_problem(str(error))
        again: list[Pending] = []
        for pending in batch:
            pending.sent = pending.sent and error.outcome_unknown
            pending.unit.retried = pending.unit.retried or error.outcome_unknown
            unknown = pending.unit.retried
            if pending.durable or (unknown and not pending.abandoned):
                again.append(pending)
            else:
                failed = StoreUnavailableError(str(error), outcome_unknown=unknown)
                pending.written.set_exception(failed)
        self._waiting = again + self._waiting

    def _set_problem(self, problem: str | None) -> None:
        if problem != self._problem:
            self._problem = problem
            self._on_problem(problem)


def _retrieve(written: asyncio.Future[list[object]]) -> None:
    """Mark the error as retrieved; asyncio otherwise logs it if the caller has left."""
    if not written.cancelled():
        written.exception()
