"""Read the audit log of a database that a running bot writes to."""

import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any
from urllib.parse import quote, urlsplit

from bot.durable.database import NO_DRIVER, as_database_error, file_of
from bot.durable.database_url import FILE_SCHEMES, read_url, without_password
from bot.durable.model import DatabaseError, State
from bot.durable.schema import VERSION, missing_migrations
from bot.durable.statements import PAGE_OF_EVENTS, Statement

_Row = Sequence[Any]
_Read = Callable[[Statement, Sequence[_Row]], Awaitable[Sequence[_Row]]]
_PAGE = 500  # events
_BUSY = 5.0  # seconds


async def read_events(url: str, since: float) -> AsyncIterator[list[State]]:
    """Yield the events of the audit log in order, page by page; nothing is written or migrated.

    Args:
        url: as for `open_store`.
        since: the time of the first event, in seconds since 1970.

    Raises:
        DatabaseError: there is no database, it cannot be read, or it has no audit log.
    """
    url = read_url(url)
    opened = _open_sqlite(url) if urlsplit(url).scheme in FILE_SCHEMES else _open_postgres(url)
    async with opened as read:
        after = ""
        while True:
            rows = await read(PAGE_OF_EVENTS, [(since, after, _PAGE)])
            if rows:
                yield [json.loads(row[2]) for row in rows]
            if len(rows) < _PAGE:
                return
            after, since = rows[-1][0], rows[-1][1]


@asynccontextmanager
async def _open_sqlite(url: str) -> AsyncIterator[_Read]:
    path = file_of(url)
    if not path.exists():
        raise DatabaseError(
            f"{without_password(url)} does not exist. Start the bot once, or correct DATABASE_URL"
        )
    with as_database_error(url), closing(_connect(str(path))) as connection:

        async def read(statement: Statement, rows: Sequence[_Row]) -> Sequence[_Row]:
            return connection.execute(statement.for_sqlite(), (json.dumps(rows),)).fetchall()

        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        found = 0
        if VERSION in tables:
            (found,) = connection.execute(f"SELECT max(version) FROM {VERSION}").fetchone()
        _require_schema(url, tables, found)
        yield read


def _connect(path: str) -> sqlite3.Connection:
    # Not mode=ro: a reader of a WAL creates its index if no bot runs. A file that this user cannot
    # write is opened for reading.
    connection = sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, timeout=_BUSY)
    connection.execute("PRAGMA query_only = ON")
    return connection


@asynccontextmanager
async def _open_postgres(url: str) -> AsyncIterator[_Read]:
    try:
        from bot.durable import postgres  # noqa: PLC0415 - an extra
        from bot.durable.connection import connector  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        raise DatabaseError(NO_DRIVER) from None
    with postgres.as_database_error(url):
        connection = await connector(url).open(statement_cache_size=0)  # as poolers need
        try:

            async def read(statement: Statement, rows: Sequence[_Row]) -> Sequence[_Row]:
                text, arrays = postgres.query_of(statement, rows)
                return list(await connection.fetch(text, *arrays, timeout=_BUSY))

            found = await connection.fetch(
                "SELECT tablename FROM pg_tables WHERE schemaname = ANY(current_schemas(false))"
            )
            tables, version = {name for (name,) in found}, 0
            if VERSION in tables:
                version = await connection.fetchval(f"SELECT max(version) FROM {VERSION}") or 0
            _require_schema(url, tables, version)
            yield read
        finally:
            connection.terminate()


def _require_schema(url: str, tables: set[str], found: int) -> None:
    if missing_migrations(tables, found):
        raise DatabaseError(
            f"{without_password(url)} has no audit log yet. Start this version of the bot once"
        )
