"""Documents in both databases."""

import asyncio

import pytest

from bot.durable.batch import Unit
from bot.durable.dialect import Database
from bot.durable.model import Amend, Enqueue, Finish, Save, State, Task
from bot.durable.store import Store
from tests.documents import documents_of
from tests.durable.conftest import replica
from tests.durable.test_store import add, claim, claimed


def more(state: State | None) -> State:
    return {"n": (state or {"n": 0})["n"] + 1}


async def test_a_document_is_read_as_it_was_written(store: Store) -> None:
    state = {"text": 'é \N{SNOWMAN} \\u0000 "\x00', "list": [1, None, {"a": 1.5}]}
    assert await store.amend("teams", "a", lambda _: state) == state
    assert await store.read("teams", "a") == state
    assert await store.read("teams", "b") is None
    assert await store.amend("teams", "a", lambda _: None) is None
    assert await store.read("teams", "a") is None
    assert await store.amend("teams", "a", lambda _: None) is None


async def test_no_change_is_lost_where_many_come_at_once(store: Store) -> None:
    seen = await asyncio.gather(*(store.amend("counts", "a", more) for _ in range(100)))
    assert sorted(state["n"] for state in seen if state) == list(range(1, 101))


async def test_no_change_is_lost_between_two_processes(postgres_url: str) -> None:
    async def change_all(store: Store) -> None:
        for _ in range(60):  # each in its own batch
            await asyncio.gather(*(store.amend("counts", key, more) for key in "abc"))

    async with replica(postgres_url) as (one, _), replica(postgres_url) as (two, _):
        await asyncio.gather(change_all(one), change_all(two))
        assert await documents_of(one, "counts") == {key: {"n": 120} for key in "abc"}


async def test_a_change_that_fails_fails_alone(store: Store) -> None:
    def fail(_: State | None) -> State:
        raise LookupError("no such thing")

    pending = [store.submit(store.amendment("counts", "a", more)) for _ in range(3)]
    bad = store.submit(store.amendment("counts", "a", more), store.amendment("counts", "b", fail))
    pending += [store.submit(store.amendment("counts", "a", more)) for _ in range(3)]
    with pytest.raises(LookupError):
        await bad.written
    assert [await each.written for each in pending] == [[{"n": n}] for n in range(1, 7)]


async def test_a_document_with_a_key_that_no_index_holds_fails_alone(postgres_url: str) -> None:
    async with replica(postgres_url) as (store, _):
        long = "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(3000))
        bad = store.submit(store.amendment("counts", long, more))
        good = store.submit(store.amendment("counts", "a", more))
        with pytest.raises(Exception, match="index row"):
            await bad.written
        assert await good.written == [{"n": 1}]


async def test_all_documents_are_read_page_by_page(store: Store) -> None:
    keys = [f"{n:03}" for n in range(400)]
    for key in keys:
        store.submit(store.amendment("many", key, lambda _: {"n": 1}))
    await store.amend("other", "x", more)
    assert sorted(await documents_of(store, "many")) == keys
    assert await documents_of(store, "none") == {}


# After a COMMIT with an unknown outcome, the committer retries the same unit.


async def twice(database: Database, *changes: object) -> list[object]:
    unit = Unit(changes)  # type: ignore[arg-type]
    await database.write([unit])
    assert unit.error is None
    unit.retried = True
    await database.write([unit])
    assert unit.error is None
    return unit.results


def database_of(store: Store) -> Database:
    return store._database  # noqa: SLF001 - the units of one batch are the test's


async def test_a_task_that_was_inserted_already_is_the_same(store: Store) -> None:
    database = database_of(store)
    new = Enqueue("one", "open", {}, "commands", origin="first")
    assert await twice(database, new) == [True]
    other = Unit((Enqueue("one", "open", {}, "commands", origin="second"),), retried=True)
    await database.write([other])
    assert other.results == [False]
    assert len(await claim(store)) == 1


async def test_a_unit_that_was_written_already_is_not_written_again(store: Store) -> None:
    database = database_of(store)
    for task_id, change in (
        ("ended", lambda task: Finish(task.id)),
        ("saved", lambda task: Save(task, delay=60)),
        ("checkpoint", lambda task: Save(task, owned=True)),
    ):
        task: Task = await claimed(store, task_id)
        await twice(database, change(task), Amend("counts", task_id, more, "v1"))
        assert await store.read("counts", task_id) == {"n": 1}


async def test_a_document_that_was_written_already_is_not_written_again(store: Store) -> None:
    database = database_of(store)
    assert await twice(database, Amend("counts", "a", more, "v1")) == [{"n": 1}]
    assert await twice(database, Amend("counts", "a", more, "v2")) == [{"n": 2}]


async def test_a_unit_that_was_not_written_is_written(store: Store) -> None:
    database = database_of(store)
    task = await claimed(store, "one")
    unit = Unit(
        (Finish(task.id), Enqueue("two", "open", {}, "commands"), Amend("counts", "a", more, "v1")),
        retried=True,
    )
    await database.write([unit])
    assert unit.results == [None, True, {"n": 1}]
    assert await store.read("counts", "a") == {"n": 1}
    assert not await add(store, "two")
