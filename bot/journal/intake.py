"""Hand in work: of many who do so at once, whoever gets a connection inserts all that wait.

So a burst costs a few statements, each with its wait for the disk, instead of one for each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import structlog
from sqlalchemy import Executable, Row

from bot.journal.journal import JournalUnavailableError
from bot.journal.statements import SOON, Rows, Statements, in_words

log = structlog.stdlib.get_logger(__name__)

_MOST = 100  # rows of one statement; it holds up the others' for a few milliseconds


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    id: str
    values: dict[str, Any]
    row: asyncio.Future[Row[Any] | None]


class Intake:
    """Insert the rows of work.

    Args:
        statements: where it is executed.
        insert: what inserts rows, leaves out those whose id is known, and returns the others.
        withdraw: makes what deletes rows that nobody has taken since they were inserted.
        inserted: called with the rows of each statement that stay.
    """

    def __init__(
        self,
        statements: Statements,
        insert: Executable,
        withdraw: Callable[[Rows], Executable],
        inserted: Callable[[Rows], Awaitable[None]],
    ) -> None:
        self._statements = statements
        self._insert = insert
        self._withdraw = withdraw
        self._inserted = inserted
        self._waiting: list[_Waiting] = []

    async def hand_in(self, entry_id: str, values: dict[str, Any]) -> Row[Any] | None:
        """Return the row as it was inserted; None: one with this id was there before.

        Raises:
            JournalUnavailableError: within 1 s. What is inserted after that is deleted, unless the
                process dies before it can be, the connection breaks before the rows are known, the
                deletion fails too, or somebody has taken it.
        """
        waiting = _Waiting(entry_id, values, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if len(self._waiting) == 1:  # else somebody is waiting for a connection already
            self._statements.begin(self._insert_all())
        try:
            async with self._statements.bounded(SOON):
                return await waiting.row
        except JournalUnavailableError:
            if waiting.row.cancelled() or waiting.row.exception() is not None:
                raise
            return waiting.row.result()  # in the very moment in which it was too late

    async def _insert_all(self) -> None:
        """Insert what waits as soon as a connection is free, and answer who waits."""
        async with self._statements.free:
            batch = self._next()
            try:
                rows = await self._execute(batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told
                unavailable = JournalUnavailableError(in_words(error))
                unavailable.__cause__ = error
                for each in batch:
                    if not each.row.done():
                        each.row.set_exception(unavailable)
                return
            stay, late = _answer(batch, rows)
            if late:
                try:
                    await self._statements.execute(self._withdraw(late))
                except Exception as error:  # noqa: BLE001 - whatever it is, the others stay
                    log.warning("refused work stays and will be done", error=in_words(error))
        await self._inserted(stay)

    async def _execute(self, batch: list[_Waiting]) -> Rows:
        values = [each.values for each in batch]
        return await self._statements.execute(self._insert, values) if values else ()

    def _next(self) -> list[_Waiting]:
        """Return those whose turn it is; who was too late is told so, and nothing is done."""
        waiting = [each for each in self._waiting if not each.row.done()]
        batch, self._waiting = waiting[:_MOST], waiting[_MOST:]
        if self._waiting:
            self._statements.begin(self._insert_all())
        # In one order everywhere: two statements with the same ids never wait for each other.
        return sorted(batch, key=attrgetter("id"))


def _answer(batch: list[_Waiting], rows: Rows) -> tuple[Rows, Rows]:
    """Answer who waits; return the rows that stay, and those whose giver was told of a failure."""
    accepted = {row.id: row for row in rows}
    late: dict[str, Row[Any]] = {}
    for each in batch:
        row = accepted.pop(each.id, None)  # the first of those with this id handed it in
        if row is not None and each.row.done():
            late[each.id] = row
        elif each.id in late and not each.row.done():
            each.row.set_exception(JournalUnavailableError("no answer in time"))
        elif not each.row.done():
            each.row.set_result(row)
    return [row for row in rows if row.id not in late], list(late.values())
