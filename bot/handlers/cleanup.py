"""The task that deletes old tasks."""

from dataclasses import dataclass

import structlog

from bot.durable.context import TaskContext
from bot.durable.model import RunAgain
from bot.durable.statements import PRUNE_EVENTS
from bot.durable.store import Store

log = structlog.stdlib.get_logger(__name__)

CLEANUP = "cleanup"
_KEPT = 7 * 86_400.0  # seconds; until then the bot recognizes a repeated delivery
_AUDIT_KEPT = 90 * 86_400.0  # seconds
_EVERY = 3_600.0  # seconds


@dataclass(frozen=True, slots=True)
class CleanupTask:
    """Delete the tasks that ended 7 days ago, and the audit log after 90, once an hour."""

    store: Store

    async def handle(self, _context: TaskContext) -> RunAgain:
        """Delete them, and run again in an hour; one replica has the task."""
        if deleted := await self.store.prune(_KEPT):
            log.info("deleted old tasks", tasks=deleted)
        if deleted := await self.store.prune(_AUDIT_KEPT, PRUNE_EVENTS):
            log.info("deleted old rows of the audit log", rows=deleted)
        return RunAgain(_EVERY, {})
