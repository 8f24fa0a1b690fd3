"""What a handler is given, and what it gives back."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from bot.journal.journal import Entry, Journal, LostLeaseError, State

_SHARE = 0.8  # of a lease: without a renewal by then, the handler ends while it surely holds
_RENEWAL = 1 / 3  # of a lease: the age at which it is renewed
_AGAIN = 1 / 15  # of a lease: the wait after a renewal that the database did not make
_LONGEST = 1800.0  # seconds

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Done:
    """All of the work is done."""


@dataclass(frozen=True, slots=True)
class Later:
    """The step is done, and the next is due later; nothing is held meanwhile."""

    seconds: float
    state: State


Next = Done | Later


class Steps:
    """The steps of one attempt at a piece of work.

    A step may take much longer than a lease, which is renewed while the handler works.

    Args:
        journal: where the work is.
        entry: as it was taken.
        longest: seconds that one step may take.

    Attributes:
        entry: as it was last saved, with the deadline as it was last renewed.
    """

    def __init__(self, journal: Journal, entry: Entry, longest: float = _LONGEST) -> None:
        self.entry = entry
        self._journal = journal
        self._longest = longest
        self._ends = time.monotonic() + longest
        self._bound = asyncio.timeout(None)
        self._bound_by_lease = False  # and not by the step's own time
        self._timer: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def keep(self, state: State) -> Entry:
        """Save what the step that was just done leads to, and begin the next."""
        self.entry = await self._journal.keep(self.entry, state)
        self._ends = time.monotonic() + self._longest
        self._set_bound()
        return self.entry

    def check(self) -> None:
        """Look at the clock just before what cannot be taken back.

        A process that was stopped for a while may wake up after others took its work over.

        Raises:
            LostLeaseError: the lease may have ended.
        """
        if time.monotonic() >= self.entry.deadline:
            raise LostLeaseError(self.entry.id)

    async def run(self, handler: "Handler") -> Next:
        """Let the handler work, and cancel it when it may work no longer.

        Raises:
            LostLeaseError: others have taken the work, or may soon, as the lease cannot be renewed;
                whatever the handler made of the cancellation. A client may take it for its own
                time that is up, and the handler goes on.
            TimeoutError: a step took too long.
        """
        try:
            async with self._bound:
                self._set_bound()
                self._renew_when_old()
                then = await handler(self.entry, self)
        except Exception:
            if self._lost():
                raise LostLeaseError(self.entry.id) from None
            raise
        finally:
            for planned in (self._timer, self._renewing):
                if planned is not None:
                    planned.cancel()
        if self._lost():
            raise LostLeaseError(self.entry.id)
        return then

    def _lost(self) -> bool:
        return self.entry.deadline == -math.inf or (self._bound.expired() and self._bound_by_lease)

    def _set_bound(self) -> None:
        if not self._bound.expired():  # else the handler saves something while it ends
            safe_until = self.entry.deadline - (1 - _SHARE) * self._journal.lease
            self._bound_by_lease = safe_until < self._ends
            seconds = min(self._ends, safe_until) - time.monotonic()
            self._bound.reschedule(asyncio.get_running_loop().time() + seconds)

    def _renew_when_old(self) -> None:
        """Renew the lease, or look again when it is a third over; a `keep` makes it new."""
        young = self.entry.deadline - (1 - _RENEWAL) * self._journal.lease - time.monotonic()
        if young > 0:
            self._look_again_in(young)
        else:
            self._renewing = asyncio.create_task(self._renew())

    def _look_again_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._renew_when_old)

    async def _renew(self) -> None:
        """Move the deadline, and touch nothing else that the handler may have kept meanwhile."""
        try:
            renewed = await self._journal.renew(self.entry)
        except LostLeaseError:
            self.entry = replace(self.entry, deadline=-math.inf)
        except Exception as error:  # noqa: BLE001 - whatever it is, the lease may yet be renewed
            log.warning("the lease is not renewed yet", error=str(error))
            self._look_again_in(_AGAIN * self._journal.lease)
        else:
            deadline = max(self.entry.deadline, renewed.deadline)
            self.entry = replace(self.entry, deadline=deadline)
            self._renew_when_old()
        self._set_bound()


Handler = Callable[[Entry, Steps], Awaitable[Next]]
