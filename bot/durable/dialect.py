"""The methods that SQLite and PostgreSQL have for the store."""

from collections.abc import Callable, Sequence
from typing import Protocol

from bot.durable.batch import Row
from bot.durable.committer import Backend
from bot.durable.statements import Statement


class Database(Backend, Protocol):
    """SQLite or PostgreSQL.

    Attributes:
        shared: other processes use the database too.
        owner: the id under which this process owns tasks.
        unclean_start: an earlier process ended without releasing its tasks.
        held: the ids of the tasks in this process's memory; set by the store.
        on_topic: receives the topics of other processes; None if any topic could be lost.
        on_lost: called after a peer declared this process dead; ``owner`` has a new id by then.
    """

    shared: bool
    owner: str
    unclean_start: bool
    held: set[str]
    on_topic: Callable[[str | None], object]
    on_lost: Callable[[], object]

    async def read(self, statement: Statement, rows: Sequence[Row], within: float) -> list[Row]:
        """Execute a SELECT."""

    def publish(self, topic: str) -> None:
        """Send a topic to the other processes, without a guarantee."""

    async def hold_lease(self, owner: str) -> None:
        """Return if no other process can own this owner's tasks.

        Raises:
            LeaseLostError: another process can own them.
        """

    def problem(self) -> str | None:
        """Return the reason why written data could be lost, or None."""

    async def shrink(self) -> None:
        """Return the space of deleted rows to the disk."""
