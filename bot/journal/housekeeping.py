"""What was done long ago is forgotten."""

from dataclasses import dataclass

import structlog

from bot.journal.journal import Entry, Journal
from bot.journal.steps import Later, Next, Steps

log = structlog.stdlib.get_logger(__name__)

HOUSEKEEPING = "housekeeping"
_KEPT = 7 * 86_400.0  # seconds; until then what is delivered again is known to be done
_EVERY = 3_600.0  # seconds


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Delete what was done over 7 days ago, every hour, in one of the replicas."""

    journal: Journal

    async def handle(self, _entry: Entry, _steps: Steps) -> Next:
        """Delete, and sleep."""
        if deleted := await self.journal.prune(_KEPT):
            log.info("forgot what was done long ago", entries=deleted)
        return Later(_EVERY, {})
