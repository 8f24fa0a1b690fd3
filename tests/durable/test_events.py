"""The rows of the audit log, in both databases."""

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from bot.durable import events
from bot.durable.context import TaskContext
from bot.durable.database import file_of, open_store
from bot.durable.model import (
    DatabaseError,
    Done,
    Enqueue,
    Finish,
    Outcome,
    PostponedError,
    Record,
    RunAgain,
    Save,
    State,
)
from bot.durable.reader import read_events
from bot.durable.schema import MIGRATIONS
from bot.durable.statements import PRUNE_EVENTS
from bot.durable.store import Store
from bot.durable.worker import Worker
from tests.durable.conftest import replica, until, until_async


async def found(url: str, since: float = 0.0) -> list[Any]:
    """The numbers of the events, in the order of the log."""
    return [event["n"] async for page in read_events(url, since) for event in page]


def record(number: int, at: float = 1.0, **more: Any) -> Record:
    return Record(f"e{number}", at, {"n": number}, **more)


async def test_an_event_is_written_once(store: Store, url: str) -> None:
    written: list[int] = []
    for _ in range(3):
        pending = store.submit(record(1, written=lambda: written.append(1)))
        await pending.written
    await store.write(record(1))
    await until(lambda: written == [1])
    assert await found(url) == [1]


async def test_an_event_of_a_unit_that_fails_is_not_reported(store: Store, url: str) -> None:
    written: list[int] = []
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))

    def fail(_: State | None) -> State:
        raise LookupError("no such thing")

    event = record(1, written=lambda: written.append(1))
    pending = store.submit(event, store.amendment("counts", "a", fail))
    with pytest.raises(LookupError):
        await pending.written
    await store.write(record(2))
    assert (await found(url), written, faults) == ([2], [], [])


async def test_events_are_read_in_order_page_by_page(store: Store, url: str) -> None:
    await store.write(*(record(number, at=float(number // 3)) for number in range(1_200)))
    numbers = await found(url)
    assert sorted(numbers) == list(range(1_200))
    assert [number // 3 for number in numbers] == sorted(number // 3 for number in range(1_200))
    assert sorted(await found(url, since=399.0)) == [1197, 1198, 1199]


async def test_unposted_events_are_marked_together(store: Store) -> None:
    await store.write(
        *(record(number, at=float(number), unposted=number > 1) for number in (3, 1, 2))
    )
    (rows,) = await store.write(events.read_unposted(1))
    assert [events.event_of(row)["n"] for row in rows] == [2]
    await store.write(events.mark_posted(rows))
    (rows,) = await store.write(events.read_unposted(9))
    assert [events.event_of(row)["n"] for row in rows] == [3]


async def test_old_events_are_deleted(store: Store, url: str) -> None:
    now = time.time()
    await store.write(*(record(number, at=now - 90.0) for number in range(250)))
    await store.write(record(999, at=now))
    assert await store.prune(80.0, PRUNE_EVENTS) == 250
    assert await found(url) == [999]


@pytest.mark.parametrize("ends", ["done", "again", "error", "postponed"])
async def test_noted_events_are_written_with_the_end_of_the_attempt(
    store: Store, url: str, ends: str
) -> None:
    async def handler(context: TaskContext) -> Outcome:
        context.noted.append(record(1))
        match ends:
            case "done":
                return Done()
            case "again":
                return RunAgain(60.0, {})
            case "postponed":
                raise PostponedError
        raise ValueError("an error after the act")

    worker = Worker(store, "commands")
    worker.on("open", handler)
    await store.write(Enqueue("t", "open", {}, "commands"))
    running = asyncio.create_task(worker.run())
    await until_async(lambda: found(url))
    running.cancel()
    await worker.drain(1)
    assert await found(url) == [1]


async def test_an_event_goes_with_its_unit(store: Store, url: str) -> None:
    """A task of another process is not saved, nor is the event of the act."""
    await store.write(Enqueue("t", "open", {}, "commands", owner="another"))
    task = await store.get("t")
    assert task is not None
    with pytest.raises(Exception, match="t"):
        await store.write(Save(replace(task, owner="me")), record(1))
    assert await found(url) == []
    await store.write(Finish("t"), record(1))
    assert await found(url) == [1]


async def test_replicas_write_one_event_of_an_id(postgres_url: str) -> None:
    written: list[str] = []
    async with replica(postgres_url) as (one, _), replica(postgres_url) as (two, _):
        pending = [
            store.submit(record(number, written=lambda: written.append("x")))
            for store in (one, two)
            for number in (3, 1, 2)
        ]
        for each in pending:
            await each.written
        await until(lambda: len(written) == 3)
        assert sorted(await found(postgres_url)) == [1, 2, 3]


# The schema


async def make_first_schema(url: str) -> None:
    """Create the database of the first version of the schema, with a task."""
    (number, sql), task = (
        MIGRATIONS[0],
        (
            "INSERT INTO training_bot_tasks (id, kind, queue, person, lane, state, attempt,"
            " step_may_have_run, failures, turn, origin, created_at)"
            " VALUES ('t', 'open', 'commands', '', '', '{}', 0, 0, 0, 0, '', 1)"
        ),
    )
    done = f"INSERT INTO training_bot_schema VALUES ({number})"
    if url.startswith("sqlite"):
        path = file_of(url)
        path.parent.mkdir()
        with closing(sqlite3.connect(path)) as database:
            database.executescript(f"{sql} {done}; {task};")
        return
    connection = await asyncpg.connect(url)
    await connection.execute(f"{sql} {done}; {task};")
    await connection.close()


async def test_a_database_of_the_first_schema_is_migrated(url: str) -> None:
    await make_first_schema(url)
    with pytest.raises(DatabaseError, match=r"has no audit log yet.*Start this version"):
        await found(url)
    async with open_store(url) as store:
        assert await store.get("t") is not None
        await store.write(record(1))
    async with open_store(url):
        assert await found(url) == [1]


async def test_a_newer_schema_is_refused(url: str) -> None:
    async with open_store(url):
        assert await found(url) == []
    newer = "INSERT INTO training_bot_schema VALUES (9999)"
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(file_of(url))) as database, database:
            database.execute(newer)
    else:
        connection = await asyncpg.connect(url)
        await connection.execute(newer)
        await connection.close()
    with pytest.raises(DatabaseError, match="has schema 9999, but this version"):
        await found(url)


async def test_a_missing_file_is_not_created(sqlite_url: str) -> None:
    with pytest.raises(DatabaseError, match=r"bot\.db does not exist\. Start the bot once"):
        await found(sqlite_url)
    assert not file_of(sqlite_url).parent.exists()


async def test_an_empty_database_and_a_damaged_file_are_named(
    postgres_url: str, tmp_path: Path
) -> None:
    with pytest.raises(DatabaseError, match="has no audit log yet"):
        await found(postgres_url)
    damaged = tmp_path / "bot.db"
    damaged.write_text("no database " * 999)
    with pytest.raises(DatabaseError, match="cannot be used: file is not a database"):
        await found(f"sqlite:///{damaged}")


async def test_a_file_that_cannot_be_written_is_read(store: Store, url: str) -> None:
    await store.write(record(1))
    if url.startswith("sqlite"):
        file_of(url).chmod(0o400)
    assert await found(url) == [1]
