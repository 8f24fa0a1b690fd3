"""The workers of one process: commands, reports of watches, and looks at what is watched."""

import asyncio
import sys
from collections.abc import Sequence

import structlog

from bot.durable.room import Limits
from bot.durable.store import Store
from bot.durable.worker import Worker

log = structlog.stdlib.get_logger(__name__)

_REPORTS = Limits(slots=8, retries=sys.maxsize)  # with more, Slack only answers 429
_LOOKS = Limits(slots=2, retries=sys.maxsize)


class Workers:
    """Run the tasks of three queues, each with slots of its own.

    So no command waits for reports, and no report for commands.

    Args:
        store: where the tasks are.
        limits: how many commands run at once; the others wait on disk.

    Attributes:
        commands: what people ask for.
        reports: what watched jobs lead to.
        looks: the tasks of which there is one each, and that never end.
    """

    def __init__(self, store: Store, limits: Limits) -> None:
        self.commands = Worker(store, "commands", limits)
        self.reports = Worker(store, "reports", _REPORTS)
        self.looks = Worker(store, "looks", _LOOKS)
        self._all = (self.commands, self.reports, self.looks)
        self._loops: list[asyncio.Task[None]] = []

    async def enqueue_singletons(self, kinds: Sequence[str]) -> None:
        """Enqueue the tasks of which there is one each; those that are there stay as they are.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        for kind in kinds:
            await self.looks.enqueue(kind, kind, {})

    def start(self) -> list[asyncio.Task[None]]:
        """Begin to run tasks; return the loops, which end only with an error."""
        self._loops = [asyncio.create_task(worker.run()) for worker in self._all]
        return self._loops

    async def drain(self, seconds: float) -> int:
        """Let the running tasks end, cancel the rest; return how many those were."""
        late = await asyncio.gather(*(worker.drain(seconds) for worker in self._all))
        for loop in self._loops:
            loop.cancel()
        return sum(late)
