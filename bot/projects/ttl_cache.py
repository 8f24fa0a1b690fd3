"""A value that is kept for a while. Callers at the same time share one fetch."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")

_SOON = 0.75  # of its time, after which a value is refreshed in the background


class TtlCache(Generic[Value]):
    """One value that is fetched when a caller needs it and it is too old.

    Args:
        fetch: gets the value. Its error reaches every caller that waits, and is not kept.
        seconds: how long a value is good for.
        clock: tells the time in seconds.
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
        self._changes: list[Callable[[Value], None]] = []  # since the fetch under way began
        self._held: Value | None = None
        self._forgotten_at = float("-inf")
        self._asked_at = float("-inf")  # when the fetch of the held value began

    async def get(self, *, asked_since: float | None = None) -> Value:
        """Return the value, fetched at or after ``asked_since`` (a time of the clock) if given."""
        oldest = self._clock() - self._seconds if asked_since is None else asked_since
        while self._held is None or self._asked_at < max(oldest, self._forgotten_at):
            # One impatient caller must not cancel the fetch of the others.
            await asyncio.shield(self._start_fetch())
        return self._held

    def refresh(self) -> None:
        """Start a fetch in the background if there is no value, or soon will be none."""
        old = self._clock() - self._seconds * _SOON
        if self._held is None or self._asked_at < max(old, self._forgotten_at):
            self._start_fetch()

    def forget(self) -> None:
        """Make the next caller fetch the value again."""
        self._forgotten_at = self._clock()

    def update(self, change: Callable[[Value], None]) -> None:
        """Change the held value in place, and also the value of a fetch under way."""
        if self._held is not None:
            change(self._held)
        if self._fetching is not None:
            self._changes.append(change)

    def _start_fetch(self) -> asyncio.Task[Value]:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fill())
            # Its error is no fault when no caller is left to see it.
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
