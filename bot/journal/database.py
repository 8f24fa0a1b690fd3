"""Open the database: one process's own SQLite file, or a PostgreSQL that replicas share."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path

from sqlalchemy import event, func, select, text, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import create_async_engine

from bot.journal.journal import LEASE
from bot.journal.migrations import NewerSchemaError, migrate
from bot.journal.schema import now, work
from bot.journal.sql import SqlJournal
from bot.journal.statements import FAULTS, LONG, SOON, in_words

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
_WAIT = 30.0  # seconds; a process that was told to end takes up to 25
_BUSY = 0.9 * SOON  # seconds; a statement that fails by itself has surely done nothing
_CONNECTIONS = 5
_LOOK_AGAIN = 0.1  # seconds
_ADVISORY_LOCK = 4_205_881_316_030_211  # any number, the same in every version


class DatabaseError(Exception):
    """The database cannot be used; the text says why and what to do, without a password."""


class InUseError(DatabaseError):
    """Another process has the SQLite file."""


@asynccontextmanager
async def open_journal(
    url: str, *, lease: float = LEASE, wait: float = _WAIT
) -> AsyncIterator[SqlJournal]:
    """Open the database, bring its schema up to date, and close it at the end.

    Args:
        url: ``sqlite:///data/bot.db`` or ``postgresql://user:password@host/name``.
        lease: seconds for which taken work is its taker's alone.
        wait: seconds to wait for another process to let go of the SQLite file.

    Raises:
        DatabaseError: it cannot be used.
    """
    try:
        address = make_url(url)
    except ArgumentError:
        raise DatabaseError("DATABASE_URL is not a URL") from None
    driver = _DRIVERS.get(address.drivername, address.drivername)
    opened = {"sqlite+aiosqlite": _sqlite, "postgresql+asyncpg": _postgres}.get(driver)
    if opened is None:
        raise DatabaseError("DATABASE_URL must begin with sqlite:/// or postgresql://")
    async with opened(address.set(drivername=driver), lease, wait) as journal:
        yield journal


@asynccontextmanager
async def _sqlite(address: URL, lease: float, wait: float) -> AsyncIterator[SqlJournal]:
    """One process at a time, on one connection."""
    if address.database in {None, "", ":memory:"}:
        raise DatabaseError("DATABASE_URL must name a file, such as sqlite:///data/bot.db")
    path = Path(str(address.database))
    engine = create_async_engine(
        address,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        hide_parameters=True,
        pool_size=1,
        max_overflow=0,
        pool_reset_on_return=None,
        connect_args={"timeout": _BUSY},
    )
    event.listen(engine.sync_engine, "connect", _make_durable)
    async with AsyncExitStack() as opened:
        with _told_in_words(address, (*FAULTS, sqlite3.Error)):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            await opened.enter_async_context(_alone(path, wait))
            opened.push_async_callback(engine.dispose)
            async with engine.connect() as connection:
                # Around the whole migration: SQLite's driver opens none for a CREATE TABLE.
                await connection.execute(text("BEGIN IMMEDIATE"))
                await connection.run_sync(migrate)
                # Whoever held these is dead, as nobody else can have the file.
                freed = update(work).where(work.c.owner.is_not(None)).values(run_at=now())
                await connection.execute(freed)
                await connection.commit()
        journal = SqlJournal(engine, connections=1, lease=lease)
        opened.push_async_callback(journal.close)
        yield journal


def _make_durable(connection: DBAPIConnection, _record: object) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")


@asynccontextmanager
async def _alone(path: Path, wait: float) -> AsyncIterator[None]:
    """Hold a lock that ends with the process: SQLite's own, on an empty file beside."""
    deadline = time.monotonic() + wait
    with closing(sqlite3.connect(f"{path}.lock", timeout=0, isolation_level=None)) as lock:
        while True:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() > deadline:
                    raise InUseError(
                        f"{path} is in use by another process, which did not end within {wait:g} s."
                        " SQLite serves one bot; several replicas need PostgreSQL"
                    ) from None
                await asyncio.sleep(_LOOK_AGAIN)
            else:
                break
        yield


@asynccontextmanager
async def _postgres(address: URL, lease: float, _wait: float) -> AsyncIterator[SqlJournal]:
    """Several processes, each with a few connections."""
    try:
        from bot.journal.postgres import PostgresJournal  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise DatabaseError(
            "PostgreSQL needs a driver: pip install 'training-project-bot[postgres]'"
        ) from None
    if (mode := address.query.get("sslmode")) is not None:  # the server's own tools' word for it
        address = address.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    engine = create_async_engine(
        address,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=_CONNECTIONS + 1,  # and the line to the replicas
        max_overflow=0,
        connect_args={"timeout": LONG, "command_timeout": LONG},
    )
    async with AsyncExitStack() as opened:
        # TypeError: the URL has a parameter that the driver does not know.
        with _told_in_words(address, (*PostgresJournal.faults, TypeError)):
            opened.push_async_callback(engine.dispose)
            await _migrate_postgres(address)
        journal = PostgresJournal(engine, _CONNECTIONS, lease)
        opened.push_async_callback(journal.close)
        hearing = asyncio.create_task(journal.hear())
        try:
            await journal.hears.wait()
            yield journal
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])


async def _migrate_postgres(address: URL) -> None:
    """Migrate on a connection of its own, whose statements may take their time."""
    engine = create_async_engine(address, connect_args={"timeout": LONG})
    try:
        async with engine.begin() as connection:
            # Until the commit: of replicas that start together, one migrates.
            await connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


@contextmanager
def _told_in_words(address: URL, faults: tuple[type[Exception], ...]) -> Iterator[None]:
    try:
        yield
    except NewerSchemaError as error:
        raise DatabaseError(str(error)) from None
    except faults as error:
        where = address.render_as_string(hide_password=True)
        raise DatabaseError(f"{where} cannot be used: {in_words(error)}") from error
