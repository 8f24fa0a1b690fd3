"""Light background work: limited in number, drained at shutdown, and lost with the process."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

log = structlog.stdlib.get_logger(__name__)


class BusyError(Exception):
    """The limit of background work is reached; the new work was not started."""


class ShutdownError(Exception):
    """The process ended before the work."""


class TaskExpiredError(Exception):
    """The work was accepted so long ago that no one waits for its result.

    Attributes:
        at: the time when it was accepted.
    """

    def __init__(self, at: datetime) -> None:
        super().__init__(f"accepted at {at.isoformat()}")
        self.at = at


class InFlight:
    """The background tasks of this process; it holds a strong reference to each until its end.

    Args:
        limit: the most tasks at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Return the number of running tasks."""
        return len(self._tasks)

    def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine function in the background.

        Raises:
            BusyError: the limit is reached; the function was not called.
        """
        if len(self._tasks) >= self._limit:
            raise BusyError
        task = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, seconds: float) -> int:
        """Wait up to ``seconds`` for running tasks, cancel the rest, and return their number.

        Further calls of `start` raise `BusyError`.
        """
        if self._tasks:
            log.info("finishing accepted work", running=len(self))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        self._limit = 0  # nothing would wait for a new task
        late = list(self._tasks)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return len(late)
