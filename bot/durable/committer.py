"""Commit every change that waits in one transaction: many tasks share one wait for the disk."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from bot.durable.batch import DocumentRaceError, Unit
from bot.durable.model import Change, StoreUnavailableError

log = structlog.stdlib.get_logger(__name__)

_LARGEST = 500  # units of one batch
_COMPANY = 0.02  # seconds that a result waits for a unit to share its transaction with
_RETRY = 0.5  # seconds until a batch is tried again
_SLICE = 0.2  # seconds
_STALL = 0.05  # seconds; in a busy event loop a timer is so late
_LONGEST_STALL = 15.0  # seconds


class NotWrittenError(Exception):
    """The database did not write the batch, or (``outcome_unknown``) did not confirm it."""

    def __init__(self, why: str, *, outcome_unknown: bool) -> None:
        super().__init__(why)
        self.outcome_unknown = outcome_unknown


class Backend(Protocol):
    """A database that writes batches."""

    async def write(self, units: Sequence[Unit]) -> None:
        """Write units in one transaction, and set their results and errors.

        Raises:
            NotWrittenError: the database did not.
            DocumentRaceError: another process wrote the same document at this moment.
            Exception: one of the units is at fault, and none was written.
        """


class Pending:
    """A unit on its way to the database.

    Attributes:
        written: its results; `StoreUnavailableError`, `LeaseLostError`, or the unit's own fault.
        sent: the database has got it, so its outcome is unknown until ``written`` is done.
    """

    def __init__(self, changes: tuple[Change, ...], *, durable: bool) -> None:
        self.unit = Unit(changes)
        self.durable = durable
        self.sent = False
        self.abandoned = False
        self.written: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()
        self.written.add_done_callback(_retrieve)


class Committer:
    """Write units in batches, one batch after another.

    Args:
        backend: writes a batch.
        on_problem: gets the reason while nothing can be written, and None when it can again.
    """

    def __init__(self, backend: Backend, on_problem: Callable[[str | None], object]) -> None:
        self._backend = backend
        self._on_problem = on_problem
        self._waiting: list[Pending] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._problem: str | None = None
        self._company: asyncio.TimerHandle | None = None
        self._running = asyncio.create_task(self._run())

    def submit(self, *changes: Change, durable: bool) -> Pending:
        """Put a unit into the queue.

        Args:
            *changes: at most one for each task.
            durable: retry it until it is written, and let it wait a moment for a unit that somebody
                waits for; otherwise it is written at once, or fails with the database.
        """
        pending = Pending(changes, durable=durable)
        self._waiting.append(pending)
        self._idle.clear()
        if not durable:
            self._wake.set()
        elif self._company is None:
            self._company = asyncio.get_running_loop().call_later(_COMPANY, self._wake.set)
        return pending

    async def write(self, *changes: Change, within: float) -> list[object]:
        """Write a unit, and return a result for each change.

        Raises:
            StoreUnavailableError: not within so many seconds. A unit that still waits is withdrawn;
                for one that was sent, the error says ``outcome_unknown``.
        """
        pending = self.submit(*changes, durable=False)
        return await self.written(pending, within)

    async def written(self, pending: Pending, within: float) -> list[object]:
        """Wait for a unit as `write` does.

        The time is the database's: a slice of it in which the event loop was busy does not count.
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
        """Go on writing for so many seconds at most; return how many units remain unwritten."""
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self._idle.is_set():
                    await self._idle.wait()
                    await asyncio.sleep(0)  # a result can lead to further changes
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
            if self._company is not None:
                self._company.cancel()
                self._company = None
            batch = self._next_batch()
            if not batch:
                self._wake.clear()
                self._idle.set()
            elif not await self._write(batch):
                await asyncio.sleep(_RETRY)

    def _next_batch(self) -> list[Pending]:
        """Take units in order; a task's second change waits for the next batch."""
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
        """Write a batch, or put its durable units back; return whether the database answers."""
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
        except Exception as error:  # noqa: BLE001 - one unit's fault: halve until it is alone
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
    """Mark the error as seen: a caller that has left does not wait for it any more."""
    if not written.cancelled():
        written.exception()
