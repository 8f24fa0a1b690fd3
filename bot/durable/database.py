"""Open the store: a SQLite file of this process alone, or a PostgreSQL that replicas share."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog

from bot.durable.database_url import FILE_SCHEMES, read_url, shown
from bot.durable.model import DatabaseError
from bot.durable.schema import MIGRATIONS, VERSION, check_schema
from bot.durable.sqlite import SQLite, connect
from bot.durable.statements import FREE_TASKS
from bot.durable.store import Database, Store

log = structlog.stdlib.get_logger(__name__)

_WAIT = 30.0  # seconds; a process that was told to end takes up to 28
_FINAL_WRITES = 3.0  # seconds
_LOOK_AGAIN = 0.1  # seconds


class InUseError(DatabaseError):
    """Another process has the SQLite file."""


@asynccontextmanager
async def open_store(url: str, *, wait: float = _WAIT) -> AsyncIterator[Store]:
    """Open the database with the newest schema; write what is left and close it at the end.

    Args:
        url: ``sqlite:///data/bot.db`` or ``postgresql://user:password@host/name``.
        wait: seconds to wait for another process that has the file, or changes the schema.

    Raises:
        DatabaseError: it cannot be used.
    """
    url = read_url(url)
    async with AsyncExitStack() as opened:
        if urlsplit(url).scheme in FILE_SCHEMES:
            database: Database = await opened.enter_async_context(_open_sqlite(url, wait))
        else:
            try:
                from bot.durable.postgres import open_postgres  # noqa: PLC0415 - an extra
            except ModuleNotFoundError:
                raise DatabaseError(
                    "PostgreSQL needs a driver: pip install 'training-project-bot[postgres]'"
                ) from None
            database = await opened.enter_async_context(open_postgres(url, wait=wait))
        store = Store(database)
        opened.push_async_callback(store.close, _FINAL_WRITES)
        yield store


@asynccontextmanager
async def _open_sqlite(url: str, wait: float) -> AsyncIterator[SQLite]:
    path = Path(unquote(urlsplit(url).path.removeprefix("/")))
    async with AsyncExitStack() as opened:
        with _in_words(url):
            _create_private(path)
            await opened.enter_async_context(_alone(path, wait))
            with closing(connect(path, _LOOK_AGAIN)) as connection:
                _migrate(connection)
                # Nobody else has the file, so every owner is dead.
                freed = connection.execute(FREE_TASKS.for_sqlite(), ("[[[]]]",)).fetchall()
            database = SQLite(path, unclean_start=bool(freed))
        opened.push_async_callback(database.close)
        yield database


def _create_private(path: Path) -> None:
    """Create the file for its owner alone; SQLite gives the files beside it the same mode."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)


@asynccontextmanager
async def _alone(path: Path, wait: float) -> AsyncIterator[None]:
    """Hold SQLite's own lock on an empty file beside the database; it ends with the process."""
    deadline, logged = time.monotonic() + wait, False
    with closing(sqlite3.connect(f"{path}.lock", timeout=0, isolation_level=None)) as lock:
        while True:
            try:
                lock.execute("BEGIN EXCLUSIVE")
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
            if time.monotonic() > deadline:
                raise InUseError(
                    f"{path} is in use by another process, which did not end within {wait:g} s."
                    " SQLite serves one bot; several replicas need PostgreSQL"
                )
            if not logged:
                log.info("waiting for the process that has the database", file=str(path))
            logged = True
            await asyncio.sleep(_LOOK_AGAIN)
        yield


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply the schema files that are missing, all or none."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    found = 0
    if VERSION in tables:
        (found,) = connection.execute(f"SELECT max(version) FROM {VERSION}").fetchone()
    check_schema(tables, found)
    for number, sql in MIGRATIONS:
        if number > found:
            done = f"INSERT INTO {VERSION} VALUES ({number});"
            connection.executescript(f"BEGIN; {sql} {done} COMMIT;")


@contextmanager
def _in_words(url: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise DatabaseError(f"{shown(url)} cannot be used: {error}{_cure(error)}") from error


def _cure(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if isinstance(error, OSError) or name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
        return ". Give a file in a folder that the bot may write to"
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return ". Give another file, or put a backup in its place"
    return ""
