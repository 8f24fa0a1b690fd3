"""Tasks in both databases."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.durable.database import open_store
from bot.durable.model import (
    LONGEST_ID,
    Claim,
    Enqueue,
    Finish,
    LeaseLostError,
    Request,
    Save,
    Task,
)
from bot.durable.room import Turns
from bot.durable.store import Store
from tests.durable.conftest import until_async

QUEUE = "commands"


async def add(store: Store, task_id: str, **more: Any) -> bool:
    (inserted,) = await store.written(
        store.enqueue(Enqueue(task_id, "open", {"n": 1}, QUEUE, **more))
    )
    return bool(inserted)


async def claim(store: Store, limit: int = 100, **more: Any) -> list[Task]:
    wanted = {"kinds": ("open",), "full_lanes": (), "held": tuple(store.held)} | more
    found = await store.claim(Claim(queue=QUEUE, limit=limit, owner=store.owner, **wanted))
    return [task for task, _ in found]


async def claimed(store: Store, task_id: str) -> Task:
    await add(store, task_id)
    (task,) = await claim(store)
    return task


@pytest.mark.parametrize("task_id", ["x" * (LONGEST_ID + 1), "two\nlines", "null\0"])
def test_an_id_that_a_database_might_not_take_is_refused_at_once(task_id: str) -> None:
    with pytest.raises(ValueError, match="printable characters"):
        Enqueue(task_id, "open", {}, QUEUE)
    Enqueue("x" * LONGEST_ID, "open", {}, QUEUE)


async def test_a_task_is_there_when_the_database_is_opened_again(url: str) -> None:
    async with open_store(url) as store:
        assert await add(store, "one", person="U1", lane="C1")
        await store.amend("teams", "a", lambda _: {"n": 2})
    async with open_store(url) as store:
        (task,) = await claim(store)
        assert (task.id, task.state, task.person, task.lane) == ("one", {"n": 1}, "U1", "C1")
        assert (task.owner, task.attempt, task.step_may_have_run) == (store.owner, 1, False)
        assert await store.read("teams", "a") == {"n": 2}


async def test_a_second_task_with_the_same_id_is_not_inserted(store: Store) -> None:
    assert await add(store, "one")
    assert not await add(store, "one")
    await store.write(Finish("one"))
    assert not await add(store, "one")


async def test_of_many_with_the_same_id_at_once_one_is_inserted(store: Store) -> None:
    assert sum(await asyncio.gather(*(add(store, "one") for _ in range(50)))) == 1


async def test_tasks_are_claimed_in_turn(store: Store) -> None:
    turns = {"a1": 0, "a2": 1, "b1": 0, "a3": 2, "b2": 1}
    for task_id, turn in turns.items():
        await add(store, task_id, turn=turn)
    assert [task.id for task in await claim(store, 4)] == ["a1", "b1", "a2", "b2"]
    assert [task.id for task in await claim(store, 4)] == ["a3"]
    assert await claim(store) == []


async def test_what_is_full_or_held_or_unknown_is_not_claimed(store: Store) -> None:
    for task_id, lane in (("one", "C1"), ("two", "C2"), ("three", "")):
        await add(store, task_id, lane=lane)
    assert await claim(store, kinds=("watch",)) == []
    assert await claim(store, kinds=()) == []
    found = await claim(store, full_lanes=("C1",), held=("three",))
    assert [task.id for task in found] == ["two"]
    assert {task.id for task in await claim(store)} == {"one", "three"}


async def test_a_sleeping_task_is_claimed_when_it_is_due_or_woken(store: Store) -> None:
    await add(store, "late", delay=60)
    due = await store.next_due(QUEUE, ("open",))
    assert due is not None
    assert 0 < due <= 60
    assert await claim(store) == []
    await add(store, "soon", delay=0.2)
    found: list[Task] = []

    async def is_due() -> bool:
        found.extend(await claim(store))
        return bool(found)

    await until_async(is_due)
    assert [task.id for task in found] == ["soon"]
    assert await store.wake("late")
    assert not await store.wake("soon")
    assert [task.id for task in await claim(store)] == ["late"]
    assert await store.next_due(QUEUE, ("open",)) is None


async def test_a_saved_task_sleeps_with_its_state(store: Store) -> None:
    task = await claimed(store, "one")
    words = "it failed \N{SNOWMAN} 'quoted'"
    saved = replace(task, state={"n": 2}, failures=3, error=words, step_may_have_run=True)
    await store.write(Save(saved, owned=True))
    assert await claim(store) == []
    await store.write(Save(saved, delay=0))
    (again,) = await claim(store)
    assert again == replace(saved, attempt=2)


async def test_only_the_holder_of_the_last_attempt_saves(store: Store) -> None:
    task = await claimed(store, "one")
    with pytest.raises(LeaseLostError):
        await store.write(Save(replace(task, owner="other"), delay=0))
    with pytest.raises(LeaseLostError):
        await store.write(Save(replace(task, attempt=2), delay=0))
    await store.write(Save(task, delay=0))
    (again,) = await claim(store)
    with pytest.raises(LeaseLostError):
        await store.write(Save(task, delay=0))
    await store.write(Save(replace(again, ended=True)))
    with pytest.raises(LeaseLostError):
        await store.write(Save(again, delay=0))
    ended = await store.get("one")
    assert ended is not None
    assert ended.ended


async def test_a_unit_that_has_lost_its_task_writes_nothing(store: Store) -> None:
    task = await claimed(store, "one")
    lost = store.submit(
        Save(replace(task, attempt=7), delay=0),
        Enqueue("two", "open", {}, QUEUE),
        store.amendment("teams", "a", lambda _: {"n": 1}),
    )
    other = store.submit(Enqueue("three", "open", {}, QUEUE))
    with pytest.raises(LeaseLostError):
        await lost.written
    assert await other.written == [True]
    assert (await store.get("two"), await store.read("teams", "a")) == (None, None)


async def test_the_end_counts_from_any_attempt_with_all_that_belongs_to_it(store: Store) -> None:
    task = await claimed(store, "one")
    await store.write(Save(task, delay=0))
    (again,) = await claim(store)
    results = await store.write(
        Finish("one"),
        Enqueue("two", "open", {}, QUEUE),
        store.amendment("teams", "a", lambda _: {"n": 1}),
    )
    assert results == [None, True, {"n": 1}]
    with pytest.raises(LeaseLostError):
        await store.write(Save(again, delay=0))
    assert [each.id for each in await claim(store)] == ["two"]
    assert await store.still_open(["one", "two", "none"]) == {"two"}
    assert await store.still_open([]) == set()


async def test_a_unit_that_cannot_be_written_fails_alone(store: Store) -> None:
    bad = store.submit(Enqueue("bad", "open", {"n": float("nan")}, QUEUE))
    good = [store.submit(Enqueue(f"{n}", "open", {}, QUEUE)) for n in range(20)]
    with pytest.raises(ValueError, match="JSON"):
        await bad.written
    assert [await each.written for each in good] == [[True]] * 20
    assert await store.get("bad") is None


async def test_ended_tasks_are_pruned_when_they_are_old(store: Store) -> None:
    for n in range(450):
        store.submit(Enqueue(f"{n}", "open", {}, QUEUE), Finish(f"{n}x"))
    await add(store, "open")
    await store.write(*(Finish(f"{n}") for n in range(450)))
    assert await store.prune(3600) == 0
    assert await store.prune(0) == 450
    assert await store.get("open") is not None
    assert await add(store, "7")


async def test_the_places_of_waiting_tasks_are_read_by_queue(store: Store) -> None:
    for turn in (3, 4, 5):
        await add(store, f"a{turn}", person="a", turn=turn)
    await add(store, "b3", person="b", turn=3)
    turns = Turns(await store.turns_of(QUEUE))
    assert (turns.next("a"), turns.next("b"), turns.next("c")) == (6, 4, 3)
    assert Turns(await store.turns_of("other")).next("a") == 0
    assert 0 <= await store.oldest_waiting(QUEUE) < 60
    assert await store.oldest_waiting("other") == 0


async def test_the_backlog_is_what_could_run_now(store: Store) -> None:
    assert await store.backlog(QUEUE) == (0, 0)
    await add(store, "waits")
    await add(store, "due", delay=-50)
    await add(store, "sleeps", delay=60)
    await add(store, "runs", owner=store.owner)
    await add(store, "ended")
    await store.write(Finish("ended"))
    count, oldest = await store.backlog(QUEUE)
    assert count == 2
    assert 50 <= oldest < 110
    assert await store.backlog("other") == (0, 0)


async def test_the_documents_of_a_collection_are_counted(store: Store) -> None:
    for key in ("a", "b"):
        await store.amend("watches", key, lambda _: {"n": 1})
    await store.amend("others", "c", lambda _: {"n": 1})
    await store.amend("watches", "b", lambda _: None)
    assert (await store.count("watches"), await store.count("none")) == (1, 0)


async def test_a_task_keeps_its_request_apart_from_its_state(store: Store) -> None:
    request = Request("command", "U1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    await add(store, "one", request=request)
    (task,) = await claim(store)
    assert (task.state, task.request) == ({"n": 1}, request)
    await store.write(Save(replace(task, state={"n": 2}), delay=0.0))
    (task,) = await claim(store)
    assert (task.state, task.request) == ({"n": 2}, request)
    await add(store, "two")
    (other,) = await claim(store)
    assert (other.state, other.request) == ({"n": 1}, Request())
