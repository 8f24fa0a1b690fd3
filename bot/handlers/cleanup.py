"""A task that deletes the tasks that ended long ago."""

from dataclasses import dataclass

import structlog

from bot.durable.context import TaskContext
from bot.durable.model import RunAgain
from bot.durable.store import Store

log = structlog.stdlib.get_logger(__name__)

CLEANUP = "cleanup"
_KEPT = 7 * 86_400.0  # seconds; until then a repeated delivery is known to be one
_EVERY = 3_600.0  # seconds


@dataclass(frozen=True, slots=True)
class CleanupTask:
    """Delete the tasks that ended over 7 days ago, every hour, in one of the replicas."""

    store: Store

    async def handle(self, _context: TaskContext) -> RunAgain:
        """Delete them."""
        if deleted := await self.store.prune(_KEPT):
            log.info("deleted old tasks", tasks=deleted)
        return RunAgain(_EVERY, {})
