"""Execute statements on a few connections, and wait for none of them longer than it may take."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Executable, Row
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.journal.journal import JournalUnavailableError

SOON = 1.0  # seconds; for what somebody waits for: Slack gives an ack 3
LONG = 5.0  # seconds; for what nobody waits for
FAULTS: tuple[type[Exception], ...] = (DBAPIError, PoolTimeoutError, OSError)
# https://www.postgresql.org/docs/current/errcodes-appendix.html; asyncpg's become no DataError
_DATA_EXCEPTION = "22"

Rows = Sequence[Row[Any]]
Values = Mapping[str, Any]
_Answer = TypeVar("_Answer")


class Statements:
    """Execute statements, each in autocommit.

    Args:
        engine: in autocommit.
        connections: how many of the engine's to use.
        faults: what says that the database does not do what it is asked.
    """

    def __init__(
        self, engine: AsyncEngine, connections: int, faults: tuple[type[Exception], ...]
    ) -> None:
        self.free = asyncio.Semaphore(connections)
        # All but what is handed in stands in line here: so that, for an ack, is always next.
        self._line = asyncio.Semaphore(connections)
        self._engine = engine
        self._faults = faults
        self._begun: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Wait for what nobody waits for any more."""
        while self._begun:
            await asyncio.wait(self._begun)

    async def run(
        self, statement: Executable, within: float = LONG, values: Values | None = None
    ) -> Rows:
        """Execute a statement; who is too late or cancelled may not have begun it.

        One that was begun is left to end by itself: to cut it off would cost the connection, take
        seconds where the server hangs, and leave its effect as uncertain.

        Raises:
            JournalUnavailableError: the database did not do it, or was not seen to in time.
            DBAPIError: it never will.
        """
        async with self.bounded(within), AsyncExitStack() as taken:
            for turn in (self._line, self.free):
                await taken.enter_async_context(turn)
            executing = self.begin(self.execute(statement, values))
            # Until it has ended, whoever still waits for it.
            executing.add_done_callback(lambda _: self.free.release())
            executing.add_done_callback(lambda _: self._line.release())
            taken.pop_all()
            return await asyncio.shield(executing)

    async def execute(
        self, statement: Executable, values: Values | Sequence[Values] | None = None
    ) -> Rows:
        """Execute a statement to its end; the caller has seen to it that a connection is free."""
        async with AsyncExitStack() as opened:
            async with asyncio.timeout(LONG):  # a connection of the pool may lead nowhere by now
                connection = await opened.enter_async_context(self._engine.connect())
            result = await connection.execute(statement, values)
            return result.all() if result.returns_rows else ()

    def begin(self, coroutine: Coroutine[Any, Any, _Answer]) -> asyncio.Task[_Answer]:
        """Let it end by itself, whether or not somebody waits for it."""
        task = asyncio.create_task(coroutine)
        self._begun.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._begun.discard(task)
        if not task.cancelled():
            task.exception()  # seen: whoever still waits for it is told

    @asynccontextmanager
    async def bounded(self, within: float) -> AsyncIterator[None]:
        """Wait so many seconds at most, and say what went wrong as every journal does."""
        try:
            async with asyncio.timeout(within):
                yield
        except self._faults as error:
            if _for_good(error):
                raise
            raise JournalUnavailableError(in_words(error)) from error


def _for_good(error: Exception) -> bool:
    """Whether the statement is at fault, or its values, and not the database."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)  # PostgreSQL's alone
    known = (DataError, IntegrityError, ProgrammingError)
    return isinstance(error, known) or str(state).startswith(_DATA_EXCEPTION)


def in_words(error: Exception) -> str:
    """Say what a database said, without the statement and its values."""
    return str(getattr(error, "orig", None) or error) or "no answer in time"
