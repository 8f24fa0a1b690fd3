"""The workers of one process: for commands, for notifications of watches, and for polls."""

import asyncio
import sys
import time
from functools import partial

import structlog

from bot.durable.model import StoreUnavailableError
from bot.durable.room import Limits
from bot.durable.store import Store
from bot.durable.worker import Worker
from bot.retry import retry
from bot.telemetry.observer import Observer

log = structlog.stdlib.get_logger(__name__)

_NOTIFICATIONS = Limits(slots=8, retries=sys.maxsize)  # with more, Slack only answers 429
_LOOKS = Limits(slots=2, retries=sys.maxsize)
_REMIND_EVERY = 30.0  # seconds between two log lines about the same wait


class Workers:
    """Run the tasks of three queues; each has its own slots and does not wait for the others.

    Args:
        store: holds the tasks.
        limits: the number of commands that run at once; the others wait on disk.
        observer: traces each attempt at a task.

    Attributes:
        commands: the requests of people.
        notifications: the notifications of watches.
        looks: the singletons: one task of each kind, which never ends.
        waiting: the singletons are not enqueued yet, because the database is away.
    """

    def __init__(self, store: Store, limits: Limits, observer: Observer) -> None:
        span = observer.task_span
        self.commands = Worker(store, "commands", limits, span)
        self.notifications = Worker(store, "notifications", _NOTIFICATIONS, span)
        self.looks = Worker(store, "looks", _LOOKS, span)
        self.all = (self.commands, self.notifications, self.looks)
        self._loops: list[asyncio.Task[None]] = []
        self.waiting = False
        self._remind_at = 0.0  # on the monotonic clock

    async def enqueue_singletons(self) -> None:
        """Enqueue one task of each kind, if it is missing; wait while the database is away."""
        for kind in self.looks.handlers:
            # A repeat is safe: the kind is the id of the task.
            enqueue = partial(self.looks.enqueue, kind, kind, {})
            await retry(enqueue, self._waits, attempts=None)
        self.waiting = False

    def start(self) -> list[asyncio.Task[None]]:
        """Start to run tasks; return the loops, which end only with an error."""
        self._loops = [asyncio.create_task(worker.run()) for worker in self.all]
        return self._loops

    async def drain(self, seconds: float) -> int:
        """Wait for the running tasks, then cancel the rest; return the number of those."""
        late = await asyncio.gather(*(worker.drain(seconds) for worker in self.all))
        for loop in self._loops:
            loop.cancel()
        return sum(late)

    def _waits(self, error: Exception) -> bool:
        if not isinstance(error, StoreUnavailableError):
            return False
        self.waiting = True
        if time.monotonic() >= self._remind_at:
            log.warning("the start waits for the database", error=str(error))
            self._remind_at = time.monotonic() + _REMIND_EVERY
        return True
