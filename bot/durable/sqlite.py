"""SQLite, in a file that one process holds.

Statements take microseconds and run on the event loop. COMMIT waits for the disk, so it runs in a
thread: the event loop hands over once per batch. https://sqlite.org/wal.html
"""

import asyncio
import json
import queue
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from bot.durable.batch import Row, Unit, write_batch
from bot.durable.committer import NotWrittenError
from bot.durable.model import StoreUnavailableError
from bot.durable.statements import Statement

_BUSY = 0.8  # seconds to wait for the lock of a backup; an ack waits for one second
_PAUSE = 0.02  # seconds
_PAGES = 500  # of 4 KiB
# A busy event loop delays the thread's report of a COMMIT by up to this time. Python's default of
# 5 ms made acks slow.
_SWITCH = 0.0005  # seconds
_UNIT_FAULTS = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError)
_encode = json.JSONEncoder(separators=(",", ":")).encode
_WAL = 16 * 1024 * 1024  # bytes that the WAL keeps after a checkpoint


class SQLite:
    """One connection that writes, and one that reads; see `bot.durable.store.Database`.

    Args:
        path: the file, which exists and has the schema.
        unclean_start: an earlier process ended without releasing its tasks.
    """

    shared = False
    owner = "this process"
    held: set[str]

    def __init__(self, path: Path, *, unclean_start: bool) -> None:
        self.unclean_start = unclean_start
        sys.setswitchinterval(min(_SWITCH, sys.getswitchinterval()))
        self.on_topic: Callable[[str | None], object] = lambda _: None
        self.on_lost: Callable[[], object] = lambda: None
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._writer = connect(path)
        self._reader = connect(path)
        self._reader.execute("PRAGMA query_only = ON")
        self._texts: dict[Statement, str] = {}
        self._inodes = self._files()
        self._commits: queue.SimpleQueue[asyncio.Future[None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._commit_all, name="commit", daemon=True)
        self._thread.start()

    async def write(self, units: Sequence[Unit]) -> None:
        """Write units in one transaction, and return when they are on disk."""
        try:
            await self._begin()
            await write_batch(units, self._execute, locks=False)
            committed: asyncio.Future[None] = self._loop.create_future()
            self._commits.put(committed)
            await asyncio.shield(committed)
        except BaseException as error:
            if self._writer.in_transaction:
                with suppress(sqlite3.Error):
                    self._writer.execute("ROLLBACK")
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, _UNIT_FAULTS):
                raise NotWrittenError(str(error), outcome_unknown=False) from error
            raise

    async def read(self, statement: Statement, rows: Sequence[Row], within: float) -> list[Row]:  # noqa: ARG002
        """Execute a SELECT, without a timeout: it takes microseconds."""
        try:
            return self._fetch(self._reader, statement, rows)
        except sqlite3.Error as error:
            raise StoreUnavailableError(str(error)) from error

    def publish(self, topic: str) -> None:
        """Do nothing: no other process uses the file."""

    async def hold_lease(self, owner: str) -> None:
        """Return at once: no other process uses the file."""

    def problem(self) -> str | None:
        """Return the name of a file that was deleted or replaced, with the cure, or None."""
        for path, inode in self._files().items():
            if inode != self._inodes[path]:
                return f"{Path(path).name} was deleted or replaced while the bot runs; restart it"
        return None

    async def shrink(self) -> None:
        """Return the pages of deleted rows to the file system, in small steps."""
        with suppress(sqlite3.OperationalError):  # locked; the next call tries again
            while await asyncio.to_thread(self._shrink_a_little):  # noqa: ASYNC110 - a pause for writers
                await asyncio.sleep(_PAUSE)

    async def close(self) -> None:
        """Close the connections. No write is in progress."""
        self._commits.put(None)
        await asyncio.to_thread(self._thread.join)
        self._reader.close()
        self._writer.close()

    async def _begin(self) -> None:
        """Begin a write; wait for a lock, such as a backup's, without blocking the event loop."""
        deadline = self._loop.time() + _BUSY
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or self._loop.time() > deadline:
                    raise
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def _execute(self, statement: Statement, rows: Sequence[Row]) -> list[Row]:
        return self._fetch(self._writer, statement, rows)

    def _fetch(
        self, connection: sqlite3.Connection, statement: Statement, rows: Sequence[Row]
    ) -> list[Row]:
        text = self._texts.get(statement)
        if text is None:
            text = self._texts[statement] = statement.for_sqlite()
        return connection.execute(text, (_encode(rows),)).fetchall()

    def _shrink_a_little(self) -> bool:
        with closing(connect(self._path, _BUSY)) as own:
            # A row for each page, without columns: `execute` would stop after the first page.
            own.executescript(f"PRAGMA incremental_vacuum({_PAGES})")
            own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            (free,) = own.execute("PRAGMA freelist_count").fetchone()
            return bool(free > 0)

    def _commit_all(self) -> None:
        """Run in the thread: execute COMMIT for each future in the queue."""
        while (committed := self._commits.get()) is not None:
            error: Exception | None = None
            try:
                self._writer.execute("COMMIT")
            except Exception as failure:  # noqa: BLE001 - the event loop handles it
                error = failure
            with suppress(RuntimeError):  # the event loop is closed
                self._loop.call_soon_threadsafe(_settle, committed, error)

    def _files(self) -> dict[str, int | None]:
        return {path: _inode(path) for path in (str(self._path), f"{self._path}-wal")}


def connect(path: Path, timeout: float = 0) -> sqlite3.Connection:
    """Open a connection with WAL and an fsync per commit."""
    connection = sqlite3.connect(
        path, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # works only before the first table
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL}")
    return connection


def _settle(committed: asyncio.Future[None], error: Exception | None) -> None:
    if committed.done():
        return
    if error is None:
        committed.set_result(None)
    else:
        committed.set_exception(error)


def _inode(path: str) -> int | None:
    try:
        return Path(path).stat().st_ino
    except OSError:
        return None
