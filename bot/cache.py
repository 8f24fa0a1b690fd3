"""Keep what was fetched for a while; whoever asks meanwhile shares one fetch."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cached(Generic[Value]):
    """One value that is fetched when it is asked for and too old.

    Args:
        fetch: gets the value; what it raises, all who wait for it see, and nothing is kept.
        seconds: how long a value is good for.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Value]], seconds: float) -> None:
        self._fetch = fetch
        self._seconds = seconds
        self._fetching: asyncio.Task[Value] | None = None
        self._held: Value | None = None
        self._forgotten_at = float("-inf")
        self._asked_at = float("-inf")  # when the fetch of the held value began

    async def get(self, *, asked_since: float | None = None) -> Value:
        """Return the value, fetched at or after ``asked_since`` (``time.monotonic()``) if given."""
        oldest = time.monotonic() - self._seconds if asked_since is None else asked_since
        while self._held is None or self._asked_at < max(oldest, self._forgotten_at):
            if self._fetching is None:
                self._fetching = asyncio.create_task(self._fill())
                # Nobody may be left to see it fail; that is no fault to complain of.
                self._fetching.add_done_callback(lambda done: done.cancelled() or done.exception())
            # One impatient caller must not cancel the fetch of the others.
            await asyncio.shield(self._fetching)
        return self._held

    def forget(self) -> None:
        """Fetch anew for whoever asks from now on."""
        self._forgotten_at = time.monotonic()

    def amend(self, change: Callable[[Value], Value]) -> None:
        """Bring the held value up to date by hand; a fetch under way is then too old."""
        if self._fetching is not None:
            self.forget()
        elif self._held is not None:
            self._held = change(self._held)

    async def _fill(self) -> Value:
        asked_at = time.monotonic()
        try:
            self._held = await self._fetch()
            self._asked_at = asked_at
            return self._held
        finally:
            self._fetching = None
