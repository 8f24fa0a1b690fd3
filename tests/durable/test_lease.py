"""The lease of a process on PostgreSQL, and the takeover of its tasks, with short durations."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from bot.durable.context import TaskContext
from bot.durable.model import Done, LeaseLostError, Outcome, StoreUnavailableError
from bot.durable.store import LEASE_LOST
from bot.durable.worker import Worker
from tests.durable.conftest import QUICK, replica, until, until_async, until_waiting
from tests.durable.postgres import Postgres
from tests.durable.test_store import QUEUE, add, claim

DECLARE_DEAD = "UPDATE training_bot_processes SET dead_since = extract(epoch FROM now())"
REPLICA = Path(__file__).parent / "replica.py"
SLOW_RENEWAL = replace(QUICK, renew=60.0)


@asynccontextmanager
async def other_process(url: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """Start a replica that holds a task, and collect its output lines."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, REPLICA, url),
        env=os.environ | {"PYTHONPATH": str(REPLICA.parent.parent.parent)},
        stdout=asyncio.subprocess.PIPE,
    )
    lines: list[str] = []

    async def read() -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            lines.append(line.decode().strip())

    reading = asyncio.create_task(read())
    try:
        await until(lambda: "ready" in lines)
        yield process, lines
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def query(url: str, text: str, *arguments: object) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        found: list[Any] = await connection.fetch(text, *arguments)
    finally:
        await connection.close()
    return found


async def dead(url: str) -> list[str]:
    rows = await query(url, "SELECT id FROM training_bot_processes WHERE dead_since IS NOT NULL")
    return [row[0] for row in rows]


@pytest.mark.slow
async def test_the_tasks_of_a_process_that_stands_still_go_on_in_a_peer(postgres_url: str) -> None:
    async with replica(postgres_url) as (store, _), other_process(postgres_url) as (peer, lines):
        peer.send_signal(signal.SIGSTOP)
        looked = asyncio.Event()
        store.subscribe(QUEUE, looked.set)
        async with asyncio.timeout(20):
            await looked.wait()  # workers poll at once
        (task,) = await claim(store)
        assert (task.id, task.attempt, task.step_may_have_run) == ("theirs", 2, True)
        assert len(await dead(postgres_url)) == 1
        peer.send_signal(signal.SIGCONT)
        await until(lambda: "passed under another id" in lines)
        assert {"lost", "refused"} <= set(lines)
        assert "passed as before" not in lines  # it began no post
        ((living,),) = await query(
            postgres_url, "SELECT count(*) FROM training_bot_processes WHERE dead_since IS NULL"
        )
        assert living == 2


async def test_a_clean_exit_frees_its_tasks_at_once(postgres_url: str) -> None:
    async with replica(postgres_url) as (store, _):
        async with other_process(postgres_url) as (peer, _):
            assert await claim(store) == []
            looked = asyncio.Event()
            store.subscribe("any", looked.set)
            peer.terminate()
            await peer.wait()
            (task,) = await claim(store)
            assert task.id == "theirs"
            await asyncio.wait_for(looked.wait(), 5)
        assert len(await query(postgres_url, "SELECT id FROM training_bot_processes")) == 1


@pytest.mark.slow
async def test_a_heartbeat_at_the_last_moment_saves_a_process(postgres_url: str) -> None:
    async with replica(postgres_url) as (_, database):
        await query(postgres_url, "INSERT INTO training_bot_processes VALUES ('peer', 5)")
        connection = await asyncpg.connect(postgres_url)
        await connection.execute(
            "BEGIN; UPDATE training_bot_processes SET heartbeat = 6 WHERE id = 'peer'"
        )
        await until_waiting(postgres_url)  # the declaration waits for the end of this transaction
        await connection.execute("COMMIT")
        await connection.close()
        before = (await _beats(postgres_url))[database.owner]

        async def looked() -> bool:
            return (await _beats(postgres_url))[database.owner] > before + 2

        await until_async(looked)
        assert await dead(postgres_url) == []
        await until_async(lambda: dead(postgres_url))


async def test_a_task_whose_owner_has_no_row_is_freed(postgres_url: str) -> None:
    async with replica(postgres_url) as (store, _):
        await add(store, "one", owner="nobody")

        async def freed() -> bool:
            return bool(await claim(store))

        await until_async(freed)


async def test_a_task_that_is_claimed_for_a_dead_process_is_freed(postgres_url: str) -> None:
    rare = replace(QUICK, sweep=60.0)
    async with (
        replica(postgres_url, rare) as (store, database),
        replica(postgres_url, rare) as (other, _),
    ):
        before = database.owner
        await query(postgres_url, f"{DECLARE_DEAD} WHERE id = $1", before)
        await until(lambda: database.owner != before)
        await add(store, "late", owner=before)  # it was on its way

        async def freed() -> bool:
            return bool(await claim(other))

        await until_async(freed)


@pytest.mark.parametrize(
    "how",
    [DECLARE_DEAD, "DELETE FROM training_bot_processes"],
)
async def test_a_process_that_was_declared_dead_cancels_and_goes_on_under_a_new_id(
    postgres_url: str, how: str
) -> None:
    began: list[tuple[str, int]] = []
    cancelled: list[str] = []

    async def handle(context: TaskContext) -> Outcome:
        began.append((context.task.owner, context.task.attempt))
        if len(began) == 1:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(context.task.owner)
        return Done()

    async with replica(postgres_url) as (store, database):
        worker = Worker(store, QUEUE)
        worker.on("open", handle)
        running = asyncio.create_task(worker.run())
        await until(lambda: worker.problem is None)
        before = database.owner
        await worker.enqueue("one", "open", {})
        await until(lambda: began)
        await query(postgres_url, f"{how} WHERE id = $1", before)
        await until(lambda: len(began) == 2)
        assert cancelled == [before]
        assert began == [(before, 1), (database.owner, 2)]
        with pytest.raises(LeaseLostError):
            await store.hold_lease(before)
        await store.hold_lease()
        running.cancel()
        await asyncio.wait([running])


async def test_a_lease_that_is_not_fresh_is_renewed_before_a_post(postgres_url: str) -> None:
    async with replica(postgres_url, SLOW_RENEWAL) as (store, database):
        assert store.problem is None
        await until(lambda: store.problem)  # stale long before its renewal
        await store.hold_lease()
        assert store.problem is None
        await until(lambda: store.problem)
        before = database.owner
        await query(postgres_url, DECLARE_DEAD)
        lost = asyncio.Event()
        store.subscribe(LEASE_LOST, lost.set)
        with pytest.raises(LeaseLostError):
            await store.hold_lease()
        assert lost.is_set()
        assert database.owner != before


@pytest.mark.slow
async def test_no_post_begins_without_the_database(postgres: Postgres, postgres_url: str) -> None:
    async with replica(postgres_url) as (store, database):
        owner = database.owner
        postgres.stop()
        await until(lambda: store.problem)
        with pytest.raises(StoreUnavailableError):
            await store.hold_lease()
        postgres.start()
        await store.hold_lease()
        assert database.owner == owner
        await until(lambda: store.problem is None)


@pytest.mark.slow
async def test_a_step_of_the_databases_clock_kills_nobody(postgres_url: str) -> None:
    await _make_the_clock_adjustable(postgres_url)
    async with replica(postgres_url) as (one, a), replica(postgres_url) as (_, b):
        owners = (a.owner, b.owner)
        await add(one, "old", delay=30)
        for step in (60, -60, 7200, -7200):
            await query(postgres_url, "UPDATE skewed.clock SET step = $1", step)
            beats = await _beats(postgres_url)

            async def enough(beats: dict[str, int] = beats) -> bool:
                now = await _beats(postgres_url)
                return all(now[one] >= beat + 25 for one, beat in beats.items())

            await until_async(enough)  # longer than a peer waits
            assert (a.owner, b.owner) == owners
            assert await dead(postgres_url) == []
        # The clock did move.
        ((seen,),) = await query(
            postgres_url, "SELECT statement_timestamp() - pg_catalog.now() < '-1h'"
        )
        assert seen


async def _beats(url: str) -> dict[str, int]:
    return dict(await query(url, "SELECT id, heartbeat FROM training_bot_processes"))


async def _make_the_clock_adjustable(url: str) -> None:
    """Replace the server's clock functions with ones that return another time."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "CREATE SCHEMA skewed; CREATE TABLE skewed.clock (step float8);"
        "INSERT INTO skewed.clock VALUES (0);"
    )
    for name in ("clock_timestamp", "statement_timestamp", "now"):
        await connection.execute(
            f"CREATE FUNCTION skewed.{name}() RETURNS timestamptz LANGUAGE sql STABLE AS"
            f" 'SELECT pg_catalog.{name}() + make_interval(secs => step) FROM skewed.clock'"
        )
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET search_path = skewed, pg_catalog, public")
    await connection.close()
