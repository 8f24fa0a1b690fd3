"""PostgreSQL for several processes. One connection writes, one holds the lease, three read."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache, partial
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import structlog

from bot.durable.batch import Row, Unit, write_batch
from bot.durable.committer import NotWrittenError
from bot.durable.connection import (
    FAULTS,
    Connector,
    connector,
    cure,
    error_text,
    refuse_pooler,
    with_timeout,
)
from bot.durable.database_url import without_password
from bot.durable.lease import CHANNEL, NOTIFY, Lease, LeaseTiming
from bot.durable.model import DatabaseError, StoreUnavailableError
from bot.durable.postgres_schema import migrate
from bot.durable.statements import FREE_FORGOTTEN, Statement

log = structlog.stdlib.get_logger(__name__)

_ANSWER = 5.0  # seconds; a server that hangs does not apply its own timeouts
_CLOSING = 2.0  # seconds
_READERS = 3
_TRIES = 3
# Without this, a process that stops in a transaction would hold its locks against its peers.
_UNLOCK = "SET idle_in_transaction_session_timeout = '10s'"
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_UNIT_FAULTS = ("22", "23", "54")  # data, constraints, a row too large for an index
_DISCONNECTED = ("08", "57", "58", "XX")  # the outcome of a COMMIT is unknown after these
_CONFLICTS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Postgres:
    """A database that other processes use too; see `bot.durable.store.Database`.

    ``unclean_start`` is set if other processes had rows at the start, because one might be dead.
    """

    shared = True

    def __init__(self, connector: Connector, timing: LeaseTiming) -> None:
        self.on_topic: Callable[[str | None], object] = lambda _: None
        self.on_lost: Callable[[], object] = lambda: None
        self.held: set[str] = set()
        self.owner = ""
        self.unclean_start = False
        self.lease = Lease(connector.open, timing, self._notified, self._registered)
        self._connector = connector
        self._timing = timing
        self._writer: asyncpg.Connection | None = None
        self._outcome_unknown = False  # a commit with an unknown outcome might have claimed tasks
        self._readers = asyncio.Semaphore(_READERS)
        self._idle: list[asyncpg.Connection] = []
        self._topics: set[str] = set()
        self._publishing: asyncio.Task[None] | None = None

    async def write(self, units: Sequence[Unit]) -> None:
        """Write units in one transaction; retry it after a conflict."""
        for tries in range(1, _TRIES + 1):
            try:
                await self._write(units)
            except _CONFLICTS as error:
                if tries == _TRIES:
                    raise NotWrittenError(error_text(error), outcome_unknown=False) from error
            else:
                return

    async def read(self, statement: Statement, rows: Sequence[Row], within: float) -> list[Row]:
        """Execute a SELECT."""
        text, arguments = query_of(statement, rows)
        return await self._fetch(within, text, *arguments)

    def publish(self, topic: str) -> None:
        """Send a topic to the other processes, without a guarantee."""
        self._topics.add(topic)
        if self._publishing is None:
            self._publishing = asyncio.create_task(self._publish())

    async def hold_lease(self, owner: str) -> None:
        """Return if no peer can own this owner's tasks."""
        await self.lease.hold(owner, _ANSWER)

    def problem(self) -> str | None:
        """Return the reason why this process could lose its tasks, or None."""
        return self.lease.problem()

    async def shrink(self) -> None:
        """Do nothing; the server has autovacuum."""

    async def close(self) -> None:
        """Release this process's tasks, and close the connections."""
        if self._publishing is not None:
            self._publishing.cancel()
        try:
            async with asyncio.timeout(_CLOSING):
                await self.lease.leave()
        except FAULTS as error:
            log.warning(
                "cannot release the tasks; peers wait for the lease", error=error_text(error)
            )
        for connection in filter(None, (self._writer, *self._idle)):
            connection.terminate()

    def _notified(self, topic: str | None) -> None:
        self.on_topic(topic)

    def _registered(self, owner: str) -> None:
        before, self.owner = self.owner, owner
        if before:
            log.error("a peer declared this process dead and took over its tasks")
            self.on_lost()

    async def _write(self, units: Sequence[Unit]) -> None:
        committing = False
        try:
            connection = await self._open_writer()
            with with_timeout(connection, self._timing.write):
                await connection.execute(_BEGIN)
                if self._outcome_unknown:
                    held = self.held.union(*(unit.task_ids() for unit in units))
                    await _execute(connection, FREE_FORGOTTEN, [(self.owner, tuple(held))])
                await write_batch(units, partial(_execute, connection), locks=True)
                committing = True
                await connection.execute("COMMIT")
            self._outcome_unknown = False
        except BaseException as error:
            unknown = committing and not _refused(error)
            self._outcome_unknown = self._outcome_unknown or unknown
            if isinstance(error, FAULTS) and not _is_unit_fault(error):
                self._drop_writer()
                if isinstance(error, _CONFLICTS):
                    raise
                raise NotWrittenError(error_text(error), outcome_unknown=unknown) from error
            await self._roll_back(cancelled=not isinstance(error, Exception))
            raise

    async def _open_writer(self) -> asyncpg.Connection:
        if self._writer is None or self._writer.is_closed():
            self._writer = await self._connector.open()
            await self._writer.execute(_UNLOCK, timeout=_ANSWER)
        return self._writer

    async def _roll_back(self, *, cancelled: bool) -> None:
        if self._writer is None or cancelled:
            self._drop_writer()
            return
        try:
            with with_timeout(self._writer, _ANSWER):
                await self._writer.execute("ROLLBACK")
        except FAULTS:
            self._drop_writer()

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer.terminate()
            self._writer = None

    async def _fetch(self, within: float, text: str, *arguments: object) -> list[Row]:
        try:
            async with asyncio.timeout(within), self._readers:
                connection = self._idle.pop() if self._idle else await self._connector.open()
                try:
                    rows: list[Row] = await connection.fetch(text, *arguments)
                except BaseException:
                    connection.terminate()
                    raise
                self._idle.append(connection)
                return rows
        except FAULTS as error:
            raise StoreUnavailableError(error_text(error)) from error

    async def _publish(self) -> None:
        try:
            while self._topics:
                payloads = [f"{self.lease.sender} {topic}" for topic in self._topics]
                self._topics.clear()
                await self._fetch(_ANSWER, NOTIFY, CHANNEL, payloads)
        except StoreUnavailableError as error:
            log.warning("cannot notify the other processes", error=str(error))
        finally:
            self._publishing = None


@asynccontextmanager
async def open_postgres(
    url: str,
    *,
    wait: float,
    timing: LeaseTiming | None = None,
    on_wait: Callable[[str], object] = lambda _: None,
) -> AsyncIterator[Postgres]:
    """Open and migrate the database, and hold a lease until the end; see `open_store`."""
    with as_database_error(url):
        connections = connector(url)
        await refuse_pooler(connections)
        await migrate(connections, wait, on_wait)
        database = Postgres(connections, timing or LeaseTiming())
        database.unclean_start = await database.lease.start()
    renewing = asyncio.create_task(database.lease.run())
    try:
        yield database
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])
        await database.close()


async def _execute(
    connection: asyncpg.Connection, statement: Statement, rows: Sequence[Row]
) -> list[Row]:
    text, arguments = query_of(statement, rows)
    return list(await connection.fetch(text, *arguments))


def query_of(statement: Statement, rows: Sequence[Row]) -> tuple[str, list[Any]]:
    """Return the SQL, and an array for each column; a list column has one cell, its array."""
    text, lists = _prepared(statement)
    columns = list(zip(*rows, strict=True)) or [()] * len(lists)
    return text, [one[0] if is_list else one for one, is_list in zip(columns, lists, strict=True)]


@cache
def _prepared(statement: Statement) -> tuple[str, list[bool]]:
    return statement.for_postgres(), [kind.endswith("[]") for _, kind in statement.types]


def _refused(error: BaseException) -> bool:
    """Return whether the server reported that it did not commit."""
    return isinstance(error, asyncpg.PostgresError) and not str(error.sqlstate).startswith(
        _DISCONNECTED
    )


def _is_unit_fault(error: BaseException) -> bool:
    """Return whether the values of a unit are at fault, so other units can be written."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate).startswith(_UNIT_FAULTS)
    return isinstance(error, asyncpg.DataError)


@contextmanager
def as_database_error(url: str) -> Iterator[None]:
    """Raise each error of a connection as a `DatabaseError`, with its cure."""
    try:
        yield
    except (*FAULTS, TypeError, ValueError) as error:
        raise DatabaseError(
            f"{without_password(url)} cannot be used: {error_text(error)}{cure(error)}"
        ) from error
