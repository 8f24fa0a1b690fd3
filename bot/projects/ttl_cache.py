"""A cache of one value. Concurrent callers share one fetch."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")

_GRACE = 60.0  # seconds that `peek` adds to the lifetime, for a decision during the next fetch
_REFRESH_AT = 0.75  # the share of its lifetime after which a value is refreshed in the background


class TtlCache(Generic[Value]):
    """One value, which is fetched when a caller needs it and the held value is too old.

    Args:
        fetch: returns the value. Its error reaches every waiting caller and is not cached.
        seconds: the lifetime of a value.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Value]],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._seconds = seconds
        self._fetching: asyncio.Task[Value] | None = None
        self._changes: list[Callable[[Value], None]] = []  # since the start of the current fetch
        self._held: Value | None = None
        self._invalidated_at = float("-inf")
        self._asked_at = float("-inf")  # the start of the fetch of the held value

    async def get(self, *, asked_since: float | None = None) -> Value:
        """Return the value.

        Args:
            asked_since: a time of the clock. A value whose fetch began earlier is fetched again.

        Raises the error of ``fetch``.
        """
        oldest = self._clock() - self._seconds if asked_since is None else asked_since
        while self._held is None or self._asked_at < max(oldest, self._invalidated_at):
            # A caller that is cancelled must not cancel the fetch of the others.
            await asyncio.shield(self._start_fetch())
        return self._held

    def refresh(self) -> None:
        """Start a fetch in the background if the cache has no value or the value expires soon."""
        old = self._clock() - self._seconds * _REFRESH_AT
        if self._held is None or self._asked_at < max(old, self._invalidated_at):
            self._start_fetch()

    def peek(self) -> Value | None:
        """Return the held value without a fetch; None if its lifetime ended a minute ago."""
        fresh = self._clock() - self._asked_at <= self._seconds + _GRACE
        return self._held if fresh else None

    def invalidate(self) -> None:
        """Make the next caller fetch the value again."""
        self._invalidated_at = self._clock()

    def update(self, change: Callable[[Value], None]) -> None:
        """Change the held value in place. The value of a current fetch is changed at its end."""
        if self._held is not None:
            change(self._held)
        if self._fetching is not None:
            self._changes.append(change)

    def _start_fetch(self) -> asyncio.Task[Value]:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fill())
            # Read the error, so asyncio does not log it if no caller waits any more.
            self._fetching.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._fetching

    async def _fill(self) -> Value:
        asked_at = self._clock()
        try:
            value = await self._fetch()
            for change in self._changes:
                change(value)
            self._held, self._asked_at = value, asked_at
            return value
        finally:
            self._fetching, self._changes = None, []
