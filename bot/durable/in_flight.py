"""Light work, which a person sees fail and can do again: tracked, bounded, drained at the end."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

log = structlog.stdlib.get_logger(__name__)


class BusyError(Exception):
    """There is no room for more work now; nothing of it was started."""


class ShutdownError(Exception):
    """The process ended before the work was done."""


class TaskExpiredError(Exception):
    """The work was accepted ``at`` a time too long ago for anybody to wait for it still."""

    def __init__(self, at: datetime) -> None:
        super().__init__(f"accepted at {at.isoformat()}")
        self.at = at


class InFlight:
    """Hold a strong reference to every task that was started, until it is done.

    Args:
        limit: how many tasks may be under way at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Return how much is under way."""
        return len(self._tasks)

    def start(self, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a piece of work in the background.

        Raises:
            BusyError: the limit is reached; it was not called.
        """
        if len(self._tasks) >= self._limit:
            raise BusyError
        task = asyncio.create_task(what())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, seconds: float) -> int:
        """Wait for the work under way, up to ``seconds``; cancel the rest and say how many.

        After that, there is no room for any.
        """
        if self._tasks:
            log.info("finishing accepted work", under_way=len(self))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        self._limit = 0  # nobody would wait for what comes now
        late = list(self._tasks)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return len(late)
