"""Several processes on one PostgreSQL: topics, locks and claims."""

import asyncio

import asyncpg  # type: ignore[import-untyped]
import pytest

from bot.durable.model import Enqueue, Finish
from bot.durable.store import LEASE_LOST
from tests.durable.conftest import replica, until, until_async, until_waiting
from tests.durable.postgres import Postgres
from tests.durable.test_store import QUEUE, add, claim


async def test_topics_reach_the_other_processes_and_not_their_sender(postgres_url: str) -> None:
    async with replica(postgres_url) as (one, _), replica(postgres_url) as (two, _):
        heard: list[str] = []
        one.subscribe("teams", lambda: heard.append("one"))
        two.subscribe("teams", lambda: heard.append("two"))
        two.subscribe(LEASE_LOST, lambda: heard.append("lost"))
        for number in range(3):
            one.publish(f"other {number}")
        one.publish("teams")
        assert heard == ["one"]
        await until(lambda: "two" in heard)
        two.publish("teams")
        ended: list[str] = []
        for each in (one, two):
            each.subscribe("end", lambda: ended.append(""))
        one.publish("end")
        two.publish("end")
        await until(lambda: len(ended) == 4)  # an echo would have come before
        assert sorted(heard) == ["one", "one", "two", "two"]


@pytest.mark.slow
async def test_every_topic_is_heard_after_a_cut_line(postgres: Postgres, postgres_url: str) -> None:
    async with replica(postgres_url) as (one, _), replica(postgres_url) as (two, database):
        heard: list[str] = []
        two.subscribe("teams", lambda: heard.append("teams"))
        two.subscribe(LEASE_LOST, lambda: heard.append("lost"))
        owner = database.owner
        postgres.stop()
        one.publish("teams")  # no process listens, which is no error
        assert not heard
        postgres.start()
        await until(lambda: heard)  # any topic could be lost
        assert (set(heard), database.owner) == ({"teams"}, owner)
        heard.clear()

        async def again() -> bool:
            one.publish("teams")
            return bool(heard)

        await until_async(again)


async def test_two_processes_never_claim_the_same(postgres_url: str) -> None:
    async with replica(postgres_url) as (one, _), replica(postgres_url) as (two, _):
        await one.write(*(Enqueue(f"{n}", "open", {}, QUEUE) for n in range(100)))
        taken = await asyncio.gather(*(claim(each, 7) for _ in range(10) for each in (one, two)))
        ids = [task.id for tasks in taken for task in tasks]
        assert sorted(ids) == sorted(f"{n}" for n in range(100))


async def test_a_claim_does_not_wait_for_a_locked_task(postgres_url: str) -> None:
    async with replica(postgres_url) as (store, _):
        for task_id in ("one", "two"):
            await add(store, task_id)
        connection = await asyncpg.connect(postgres_url)
        await connection.execute(
            "BEGIN; SELECT 1 FROM training_bot_tasks WHERE id = 'one' FOR UPDATE"
        )
        assert [task.id for task in await claim(store)] == ["two"]
        await connection.close()
        assert [task.id for task in await claim(store)] == ["one"]


async def test_a_deadlock_is_tried_again(postgres_url: str) -> None:
    async with replica(postgres_url) as (store, _):
        await add(store, "a")
        await add(store, "b")
        connection = await asyncpg.connect(postgres_url)
        await connection.execute("SET deadlock_timeout = '60s'; BEGIN")
        lock = "SELECT 1 FROM training_bot_tasks WHERE id = $1 FOR UPDATE"
        await connection.fetch(lock, "b")
        # The store locks a, and waits for b. Only `Postgres` retries the batch.
        ended = asyncio.create_task(store.write(Finish("a"), Finish("b")))
        await until_waiting(postgres_url)
        await connection.fetch(lock, "a")  # the server ends the store's transaction
        await connection.execute("COMMIT")
        await connection.close()
        assert await ended == [None, None]
        assert store.problem is None
