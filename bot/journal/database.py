"""Open the database: one process's own SQLite file, or a PostgreSQL that replicas share."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import event, func, select, text, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.journal.journal import LEASE
from bot.journal.migrations import NewerSchemaError, migrate
from bot.journal.schema import now, work
from bot.journal.sql import SqlJournal
from bot.journal.statements import FAULTS, LONG, SOON, in_words

log = structlog.stdlib.get_logger(__name__)

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
_NO_URL = (
    "DATABASE_URL is not a URL: give sqlite:///… or postgresql://…, or leave it out for data/bot.db"
    ". In a password, write what is neither a letter nor a digit as % and two hex digits, such as"
    " %40 for @"
)
_WAIT = 30.0  # seconds; a process that was told to end takes up to 25
_BUSY = 0.9 * SOON  # seconds; a statement that fails by itself has surely done nothing
_CLOSING = 2.0  # seconds
_GONE = 60.0  # seconds; a machine that vanished says nothing: its connections would last for ever
_CONNECTIONS = 5
_LOOK_AGAIN = 0.1  # seconds
ADVISORY_LOCK = 4_205_881_316_030_211  # any number, the same in every version
_LOCK_NOT_AVAILABLE = "55P03"  # https://www.postgresql.org/docs/current/errcodes-appendix.html


class DatabaseError(Exception):
    """The database cannot be used; the text says why and what to do, without a password."""


class InUseError(DatabaseError):
    """Another process has the SQLite file."""


def read_url(url: str) -> URL:
    """Return the address of a database that this bot could use.

    Raises:
        DatabaseError: it is none; the text repeats no part of it, as any may be a password's.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseError(_NO_URL) from None
    if "@" in (address.host or ""):  # the end of a password
        raise DatabaseError(_NO_URL)
    driver = _DRIVERS.get(address.drivername, address.drivername)
    if driver not in _DRIVERS.values():
        raise DatabaseError("DATABASE_URL must begin with sqlite:/// or postgresql://")
    if driver == _DRIVERS["sqlite"] and address.host:
        raise DatabaseError(
            "DATABASE_URL needs three slashes before a file's name, such as sqlite:///data/bot.db"
        )
    if driver == _DRIVERS["sqlite"] and address.database in {None, "", ":memory:"}:
        raise DatabaseError("DATABASE_URL must name a file, such as sqlite:///data/bot.db")
    return address.set(drivername=driver)


@asynccontextmanager
async def open_journal(
    url: str, *, lease: float = LEASE, wait: float = _WAIT
) -> AsyncIterator[SqlJournal]:
    """Open the database, bring its schema up to date, and close it at the end.

    Args:
        url: ``sqlite:///data/bot.db`` or ``postgresql://user:password@host/name``.
        lease: seconds for which taken work is its taker's alone.
        wait: seconds to wait for another process to let go of the SQLite file, or to change the
            schema of the PostgreSQL database.

    Raises:
        DatabaseError: it cannot be used.
    """
    address = read_url(url)
    opened = _sqlite if address.drivername == _DRIVERS["sqlite"] else _postgres
    async with opened(address, lease, wait) as journal:
        yield journal


@asynccontextmanager
async def _sqlite(address: URL, lease: float, wait: float) -> AsyncIterator[SqlJournal]:
    """One process at a time, on one connection."""
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
            _make_private(path)
            await opened.enter_async_context(_alone(path, wait))
            journal = SqlJournal(engine, connections=1, lease=lease)
            opened.push_async_callback(_let_go, journal, engine)
            async with engine.connect() as connection:
                # One transaction for the whole migration: SQLite's driver opens none for a CREATE
                # TABLE.
                await connection.execute(text("BEGIN IMMEDIATE"))
                await connection.run_sync(migrate)
                # Whoever held these is dead, as nobody else can have the file.
                freed = update(work).where(work.c.owner.is_not(None)).values(run_at=now())
                await connection.execute(freed)
                await connection.commit()
        yield journal


def _make_private(path: Path) -> None:
    """Create the file for its owner alone.

    SQLite would let all read it, and the files beside it follow it in that.
    """
    if path.is_dir():  # which the driver finds out too, and its thread dies of it with a traceback
        raise IsADirectoryError(f"{path} is a folder")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)


def _make_durable(connection: DBAPIConnection, _record: object) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")


@asynccontextmanager
async def _alone(path: Path, wait: float) -> AsyncIterator[None]:
    """Hold a lock that ends with the process: SQLite's own, on an empty file beside."""
    deadline, told = time.monotonic() + wait, False
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
                if not told:
                    log.info("waiting for the process that has the database", file=str(path))
                told = True
                await asyncio.sleep(_LOOK_AGAIN)
            else:
                break
        yield


@asynccontextmanager
async def _postgres(address: URL, lease: float, wait: float) -> AsyncIterator[SqlJournal]:
    """Several processes, each with a few connections."""
    try:
        from bot.journal.postgres import PostgresJournal  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise DatabaseError(
            "PostgreSQL needs a driver: pip install 'training-project-bot[postgres]'"
        ) from None
    async with AsyncExitStack() as opened:
        # The URL has a parameter that the driver does not know, or a host that can be none.
        with _told_in_words(address, (*PostgresJournal.faults, TypeError, ValueError)):
            address, options = _for_the_driver(address)
            await _migrate_postgres(address, options, wait)
        engine = create_async_engine(
            address,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=_CONNECTIONS + 1,  # and the line to the replicas
            max_overflow=0,
            connect_args=options | {"command_timeout": _GONE},
        )
        journal = PostgresJournal(engine, _CONNECTIONS, lease)
        hearing = asyncio.create_task(journal.hear())
        opened.push_async_callback(_let_go, journal, engine, hearing)
        await journal.hears.wait()
        yield journal


def _for_the_driver(address: URL) -> tuple[URL, dict[str, Any]]:
    """Translate what the server's own tools call otherwise, as the URLs of managed servers do.

    ``channel_binding`` is left out, as asyncpg has none; ``sslmode=verify-full`` proves the server.
    """
    query = address.query
    options: dict[str, Any] = {"timeout": float(str(query.get("connect_timeout", 0))) or LONG}
    if (mode := query.get("sslmode")) is not None:
        options["ssl"] = mode
    if (name := query.get("application_name")) is not None:
        options["server_settings"] = {"application_name": name}
    theirs = ["sslmode", "application_name", "connect_timeout", "channel_binding"]
    return address.difference_update_query(theirs), options


async def _let_go(
    journal: SqlJournal, engine: AsyncEngine, hearing: asyncio.Task[None] | None = None
) -> None:
    """End statements and connections; what a hung server holds up ends with the process."""

    async def end() -> None:
        if hearing is not None:
            hearing.cancel()
            await asyncio.wait([hearing])
        await journal.close()
        await engine.dispose()

    ending = asyncio.create_task(end())
    await asyncio.wait([ending], timeout=_CLOSING)
    if ending.done():
        ending.result()
    else:
        log.warning("the database does not let go of its connections; they end with the process")


async def _migrate_postgres(address: URL, options: dict[str, Any], wait: float) -> None:
    """Migrate on a connection of its own, whose statements may take their time."""
    engine = create_async_engine(address, connect_args=options)
    try:
        async with engine.begin() as connection:
            await _lock(connection, wait)
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


async def _lock(connection: AsyncConnection, wait: float) -> None:
    """Wait until the commit of who migrates: of replicas that start together, one does."""
    milliseconds = max(1, round(wait * 1000))  # 0 would be for ever
    try:
        async with asyncio.timeout(wait + LONG):  # a server that hangs does not look at its clock
            await connection.execute(text(f"SET LOCAL lock_timeout = {milliseconds}"))
            await connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    except TimeoutError:
        raise DatabaseError(
            f"the database gave no answer within {wait + LONG:g} s. Look whether its server hangs"
        ) from None
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise DatabaseError(
            f"another process is changing the database's schema, and did not end within {wait:g} s."
            " Look for one that hangs; PostgreSQL's pg_locks shows it as an advisory lock"
        ) from None


@contextmanager
def _told_in_words(address: URL, faults: tuple[type[Exception], ...]) -> Iterator[None]:
    try:
        yield
    except NewerSchemaError as error:
        raise DatabaseError(str(error)) from None
    except faults as error:
        where = address.render_as_string(hide_password=True)
        cure = _cure(error) if address.drivername == _DRIVERS["sqlite"] else ""
        raise DatabaseError(f"{where} cannot be used: {in_words(error)}{cure}") from error


def _cure(error: Exception) -> str:
    """Say what to do about SQLite's file or its folder, where it is one of them."""
    name = getattr(getattr(error, "orig", error), "sqlite_errorname", "")
    if isinstance(error, OSError) or name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
        return ". Give a file in a folder that the bot may write to"
    return ". Give another file, or put a backup in its place" if name == "SQLITE_NOTADB" else ""
