"""Open the store: a SQLite file for one process, or a PostgreSQL database for several replicas."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import structlog

from bot.durable.database_url import FILE_SCHEMES, read_url, without_password
from bot.durable.model import DatabaseError
from bot.durable.schema import VERSION, missing_migrations
from bot.durable.sqlite import SQLite, connect
from bot.durable.statements import FREE_TASKS
from bot.durable.store import Store

if TYPE_CHECKING:
    from bot.durable.dialect import Database

log = structlog.stdlib.get_logger(__name__)

_WAIT = 30.0  # seconds; the shutdown of another process takes up to 28
_FINAL_WRITES = 3.0  # seconds
_LOCK_RETRY = 0.1  # seconds
_CHECKED = 1024**3  # bytes; a larger file takes a minute to read from a slow disk
NO_DRIVER = "PostgreSQL needs a driver. Run pip install 'training-project-bot[postgres]'"
_DAMAGED = ". Choose another file, or restore a backup"


class InUseError(DatabaseError):
    """Another process uses the SQLite file."""


Wait = Callable[[str], object]


def is_shared(url: str) -> bool:
    """Return whether several replicas can use this database."""
    return urlsplit(read_url(url)).scheme not in FILE_SCHEMES


def file_of(url: str) -> Path:
    """Return the file of a SQLite database, for a URL that `read_url` has returned."""
    return Path(unquote(urlsplit(url).path.removeprefix("/")))


@asynccontextmanager
async def open_store(
    url: str, *, wait: float = _WAIT, on_wait: Wait = lambda _: None
) -> AsyncIterator[Store]:
    """Open the database and migrate it; at the end, write the remaining changes and close it.

    Args:
        url: ``sqlite:///data/bot.db`` or ``postgresql://user:password@host/name``.
        wait: seconds to wait for another process that uses the file or migrates.
        on_wait: called with the reason when the wait begins.

    Raises:
        DatabaseError: the database cannot be used.
    """
    url = read_url(url)
    async with AsyncExitStack() as opened:
        if urlsplit(url).scheme in FILE_SCHEMES:
            database: Database = await opened.enter_async_context(_open_sqlite(url, wait, on_wait))
        else:
            try:
                from bot.durable.postgres import open_postgres  # noqa: PLC0415 - an extra
            except ModuleNotFoundError:
                raise DatabaseError(NO_DRIVER) from None
            database = await opened.enter_async_context(
                open_postgres(url, wait=wait, on_wait=on_wait)
            )
        store = Store(database)
        opened.push_async_callback(store.close, _FINAL_WRITES)
        yield store


@asynccontextmanager
async def _open_sqlite(url: str, wait: float, on_wait: Wait) -> AsyncIterator[SQLite]:
    path = file_of(url)
    async with AsyncExitStack() as opened:
        with as_database_error(url):
            _create_private(path)
            await opened.enter_async_context(_lock_file(path, wait, on_wait))
            on_wait("the bot reads its file once, to find damage")
            database = await _unlocked(path, wait, on_wait)
        opened.push_async_callback(database.close)
        yield database


async def _unlocked(path: Path, wait: float, on_wait: Wait) -> SQLite:
    """Migrate and open the file; wait while another program, such as a backup, locks it."""
    deadline, logged = time.monotonic() + wait, False
    while True:
        try:
            await _refuse_damage(path)
            with closing(connect(path, _LOCK_RETRY)) as connection:
                _migrate(connection)
                # No other process has the file, so every owner is dead.
                freed = connection.execute(FREE_TASKS.for_sqlite(), ("[[[]]]",)).fetchall()
            return SQLite(path, unclean_start=bool(freed))
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
        if not logged:
            _log_wait(path, "another program has locked its file", on_wait)
        logged = True
        await asyncio.sleep(_LOCK_RETRY)


async def _refuse_damage(path: Path) -> None:
    """Read the file once: damage in the middle would otherwise be found hours later.

    A thread reads it, because a large file takes seconds, in which the health pages answer.
    """
    if _is_checkable(path) and await asyncio.to_thread(_is_damaged, path):
        raise DatabaseError(f"{path} cannot be used: it is damaged{_DAMAGED}")


def _is_checkable(path: Path) -> bool:
    if (size := path.stat().st_size) > _CHECKED:
        log.warning("the database file is too large to check at the start", bytes=size)
        return False
    log.info("reading the database file once, to find damage", bytes=size)
    return True


def _is_damaged(path: Path) -> bool:
    with closing(connect(path, _LOCK_RETRY)) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        return bool(found != "ok")


def _log_wait(path: Path, why: str, on_wait: Wait) -> None:
    log.warning("waiting for another process to release the database", file=str(path), why=why)
    on_wait(why)


def _create_private(path: Path) -> None:
    """Create the file with mode 0600; SQLite gives the WAL the same mode."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)


@asynccontextmanager
async def _lock_file(path: Path, wait: float, on_wait: Wait) -> AsyncIterator[None]:
    """Hold SQLite's lock on a second, empty file; the lock ends with the process."""
    deadline, logged = time.monotonic() + wait, False
    with open(f"{path}.lock", "ab"):  # noqa: PTH123, ASYNC230 - a file of another user locks nothing
        pass
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
                    " A SQLite file serves one bot; several replicas need PostgreSQL"
                )
            if not logged:
                _log_wait(path, "another process uses its file", on_wait)
            logged = True
            await asyncio.sleep(_LOCK_RETRY)
        yield


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply the missing schema files."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    found = 0
    if VERSION in tables:
        (found,) = connection.execute(f"SELECT max(version) FROM {VERSION}").fetchone()
    for number, sql in missing_migrations(tables, found):
        done = f"INSERT INTO {VERSION} VALUES ({number});"
        connection.executescript(f"BEGIN; {sql} {done} COMMIT;")


@contextmanager
def as_database_error(url: str) -> Iterator[None]:
    """Raise each error of SQLite as a `DatabaseError`, with its cure."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise DatabaseError(
            f"{without_password(url)} cannot be used: {error}{_cure(error)}"
        ) from error


def _cure(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if isinstance(error, OSError) or name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
        return ". Choose a file in a folder where the bot can write"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ". Close the other program that has locked it, such as a backup or a shell"
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return ". Make room on the disk, or choose a file on another one"
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or name == "SQLITE_ERROR":
        return _DAMAGED
    return ""
