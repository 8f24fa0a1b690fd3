"""The task that deletes old tasks."""

from dataclasses import dataclass

import structlog

from bot.durable.context import TaskContext
from bot.durable.model import RunAgain
from bot.durable.store import Store

log = structlog.stdlib.get_logger(__name__)

CLEANUP = "cleanup"
_KEPT = 7 * 86_400.0  # seconds; until then the bot recognizes a repeated delivery
_EVERY = 3_600.0  # seconds


@dataclass(frozen=True, slots=True)
class CleanupTask:
    """Delete the tasks that ended 7 days ago or earlier, once an hour, in one replica."""

    store: Store

    async def handle(self, _context: TaskContext) -> RunAgain:
        """Delete these tasks, and run again in an hour."""
        if deleted := await self.store.prune(_KEPT):
            log.info("deleted old tasks", tasks=deleted)
        return RunAgain(_EVERY, {})
