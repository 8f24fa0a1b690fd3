"""The file of SQLite: its size, and its deletion while the bot runs."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.durable.database import open_store
from bot.durable.model import DatabaseError, Enqueue, Finish


def size(*files: Path) -> int:
    return sum(file.stat().st_size for file in files)


async def test_the_file_shrinks_when_old_tasks_are_deleted(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    wal = path.with_name("bot.db-wal")
    async with open_store(sqlite_url) as store:
        for start in range(0, 3000, 500):
            ids = [f"{number}" for number in range(start, start + 500)]
            await store.write(*(Enqueue(one, "open", {"x": "y" * 900}, "commands") for one in ids))
            await store.write(*(Finish(one) for one in ids))
        empty = 100_000  # bytes
        assert await store.prune(3600) == 0
        assert size(path, wal) > 20 * empty
        assert await store.prune(0) == 3000
        assert size(path, wal) < 2 * empty


async def test_a_deleted_file_is_a_problem(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with open_store(sqlite_url) as store:
        assert not store.problem
        path.with_name("bot.db-wal").unlink()
        assert "bot.db-wal was deleted" in str(store.problem)


def damage(path: Path, start: int, end: int | None) -> None:
    """Overwrite a part of a file."""
    content = bytearray(path.read_bytes())
    end = len(content) if end is None else end
    content[start:end] = b"\xab" * (end - start)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 100), (100, None), (4096, 8192), (8192, None)],
    ids=["no database", "header only", "a page in the middle", "the rest"],
)
async def test_a_damaged_file_is_refused_with_the_cure(
    sqlite_url: str, start: int, end: int | None
) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with open_store(sqlite_url):
        pass
    damage(path, start, end)
    with pytest.raises(DatabaseError, match=r"\. Choose another file, or restore a backup"):
        async with open_store(sqlite_url):
            pass


async def test_a_file_without_a_table_is_refused_with_the_cure(sqlite_url: str) -> None:
    async with open_store(sqlite_url):
        pass
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("DROP TABLE training_bot_tasks")
    with pytest.raises(DatabaseError, match=r"no such table.*\. Choose another file, or restore"):
        async with open_store(sqlite_url):
            pass


async def test_the_event_loop_goes_on_while_the_file_is_read(sqlite_url: str) -> None:
    async with open_store(sqlite_url) as store:
        for start in range(0, 20_000, 500):  # longer to read than a busy machine lets a thread run
            ids = [f"{number}" for number in range(start, start + 500)]
            await store.write(*(Enqueue(one, "open", {"x": "y" * 900}, "commands") for one in ids))
    turns, reasons = 0, list[str]()

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    await asyncio.sleep(0)
    before = turns
    async with open_store(sqlite_url, on_wait=reasons.append):
        assert turns - before > 10
        assert reasons == ["the bot reads its file once, to find damage"]
    turning.cancel()


async def test_a_file_that_is_too_large_to_read_is_named_and_used(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with open_store(sqlite_url):
        pass
    largest = 1024**3
    for size, read in ((largest, True), (largest + 4096, False)):
        os.truncate(path, size)  # without blocks on the disk
        with capture_logs() as lines:
            async with open_store(sqlite_url):
                pass
        (line,) = [line for line in lines if "database file" in line["event"]]
        assert (line["bytes"], line["event"].startswith("reading")) == (size, read)
        assert (line["log_level"] == "info") == read
