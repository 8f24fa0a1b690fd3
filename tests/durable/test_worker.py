"""Workers: slots, turns, lanes, failures, and the end of a process."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from structlog.testing import capture_logs

from bot.durable.context import TaskContext
from bot.durable.database import open_store
from bot.durable.model import (
    Done,
    Enqueue,
    Outcome,
    PostponedError,
    RunAgain,
    StoreUnavailableError,
)
from bot.durable.room import Limits
from bot.durable.store import Store
from bot.durable.worker import Worker
from tests.durable.conftest import until, until_async

QUEUE = "commands"


class Handler:
    """A handler whose tasks end on request."""

    def __init__(self, *, open_: bool = False) -> None:
        self.began: list[str] = []
        self.contexts: list[TaskContext] = []
        self.gate = asyncio.Event()
        if open_:
            self.gate.set()

    async def __call__(self, context: TaskContext) -> Outcome:
        self.began.append(context.task.id)
        self.contexts.append(context)
        await self.gate.wait()
        return Done()


@asynccontextmanager
async def working(
    store: Store, handler: object, limits: Limits | None = None
) -> AsyncIterator[Worker]:
    """Run a worker, and return it after its first claim."""
    worker = Worker(store, QUEUE, limits)
    worker.on("open", handler)  # type: ignore[arg-type]
    running = asyncio.create_task(worker.run())
    await until(lambda: worker.problem is None)
    try:
        yield worker
    finally:
        running.cancel()
        await asyncio.wait([running])


async def ended(store: Store, *ids: str) -> None:
    async def all_ended() -> bool:
        return not await store.still_open(ids)

    await until_async(all_ended)


async def test_a_task_runs_at_once_and_ends(store: Store) -> None:
    handler = Handler(open_=True)
    async with working(store, handler) as worker:
        assert await worker.enqueue("one", "open", {"n": 1}, person="U1", lane="C1")
        await ended(store, "one")
        task = await store.get("one")
    assert task is not None
    assert task.ended
    assert handler.began == ["one"]
    assert handler.contexts[0].task.state == {"n": 1}


async def test_a_repeated_delivery_runs_once_while_the_first_runs_and_after(store: Store) -> None:
    handler = Handler()
    async with working(store, handler) as worker:
        answers = await asyncio.gather(*(worker.enqueue("one", "open", {}) for _ in range(5)))
        assert sorted(answers) == [False] * 4 + [True]
        assert not await worker.enqueue("one", "open", {})
        handler.gate.set()
        await ended(store, "one")
        assert not await worker.enqueue("one", "open", {})
        assert await worker.enqueue("two", "open", {})
        await ended(store, "two")
    assert Counter(handler.began) == {"one": 1, "two": 1}


async def test_more_tasks_than_slots_wait_in_the_database(store: Store) -> None:
    handler = Handler()
    async with working(store, handler, Limits(slots=3)) as worker:
        for number in range(10):
            assert await worker.enqueue(f"{number}", "open", {})
        assert len(handler.began) == 3
        assert len(store.held) == 3
        handler.gate.set()
        await ended(store, *(f"{number}" for number in range(10)))
    assert sorted(handler.began) == sorted(f"{number}" for number in range(10))


async def test_a_backlog_of_more_tasks_than_slots_is_no_problem_at_the_start(store: Store) -> None:
    ids = [f"{number}" for number in range(10)]
    await store.write(*(Enqueue(each, "open", {}, QUEUE) for each in ids))
    handler = Handler()
    async with working(store, handler, Limits(slots=3)):  # it has no problem soon
        assert len(handler.began) <= 3
        handler.gate.set()
        await ended(store, *ids)


async def test_people_take_turns(store: Store) -> None:
    handler = Handler()
    async with working(store, handler, Limits(slots=1)) as worker:
        await worker.enqueue("first", "open", {}, person="flood")
        for number in range(20):
            await worker.enqueue(f"flood-{number}", "open", {}, person="flood")
        for person in ("a", "b", "c"):
            await worker.enqueue(person, "open", {}, person=person)
        handler.gate.set()
        await ended(store, "a", "b", "c", "flood-19")
    # Each other person's task has the turn of the flood's first task, although it came later.
    assert max(handler.began.index(person) for person in ("a", "b", "c")) <= 5
    assert [one for one in handler.began if one.startswith("flood-")] == [
        f"flood-{number}" for number in range(20)
    ]


async def test_a_full_lane_does_not_hold_up_the_others(store: Store) -> None:
    handler = Handler()
    async with working(store, handler, Limits(slots=10, lane=2)) as worker:
        for number in range(6):
            await worker.enqueue(f"slow-{number}", "open", {}, lane="C1")
        await worker.enqueue("other", "open", {}, lane="C2")
        await until(lambda: "other" in handler.began)
        assert sorted(handler.began) == ["other", "slow-0", "slow-1"]
        handler.gate.set()
        await ended(store, *(f"slow-{number}" for number in range(6)))


async def test_a_parked_task_gives_its_slot_to_another(store: Store) -> None:
    parked, go_on = asyncio.Event(), asyncio.Event()

    async def handle(context: TaskContext) -> Outcome:
        if context.task.id == "parks":
            async with context.park():
                parked.set()
                await go_on.wait()
        return Done()

    async with working(store, handle, Limits(slots=1)) as worker:
        await worker.enqueue("parks", "open", {})
        await parked.wait()
        await worker.enqueue("other", "open", {})
        await ended(store, "other")
        go_on.set()
        await ended(store, "parks")


async def test_a_failed_step_runs_again_and_then_the_task_is_given_up(store: Store) -> None:
    tries: list[TaskContext] = []

    async def handle(context: TaskContext) -> Outcome:
        tries.append(context)
        raise ValueError("no\0 such thing")

    with capture_logs() as lines:
        async with working(store, handle, Limits(retries=2)) as worker:
            await worker.enqueue("one", "open", {})
            await ended(store, "one")
    assert [context.task.failures for context in tries] == [0, 1, 2]
    assert [context.task.step_may_have_run for context in tries] == [False, True, True]
    assert [context.task.attempt for context in tries] == [1, 2, 3]
    task = await store.get("one")
    assert task is not None
    assert task.error == "ValueError: no such thing"
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        *["a step failed"] * 3,
        "the task is abandoned after its last retry",
    ]


async def test_a_task_that_runs_again_sleeps_and_holds_no_slot(store: Store) -> None:
    states: list[object] = []

    async def handle(context: TaskContext) -> Outcome:
        if context.task.id == "other":
            return Done()
        states.append(context.task.state)
        return Done() if len(states) > 1 else RunAgain(0.3, {"n": 2})

    async with working(store, handle, Limits(slots=1)) as worker:
        await worker.enqueue("one", "open", {"n": 1})
        await worker.enqueue("other", "open", {})
        await ended(store, "other")
        await ended(store, "one")
    assert states == [{"n": 1}, {"n": 2}]


async def test_the_end_and_its_documents_are_one_unit(store: Store) -> None:
    async def handle(_: TaskContext) -> Outcome:
        return Done((store.amendment("teams", "a", lambda _: {"n": 1}),))

    async with working(store, handle) as worker:
        await worker.enqueue("one", "open", {})
        await ended(store, "one")
        assert await store.read("teams", "a") == {"n": 1}


async def test_a_caller_that_leaves_does_not_stop_the_task(store: Store) -> None:
    handler = Handler(open_=True)
    async with working(store, handler) as worker:
        calling = asyncio.create_task(worker.enqueue("one", "open", {}))
        await asyncio.sleep(0)  # it has begun
        calling.cancel()
        await asyncio.wait([calling])
        await until(lambda: handler.began)
        await ended(store, "one")


async def test_a_finished_task_never_runs_again_while_its_end_cannot_be_written(
    sqlite_url: str,
) -> None:
    handler = Handler()
    path = sqlite_url.removeprefix("sqlite:///")
    async with open_store(sqlite_url) as store, working(store, handler) as worker:
        await worker.enqueue("one", "open", {})
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            handler.gate.set()
            with pytest.raises(StoreUnavailableError) as refused:
                await worker.enqueue("two", "open", {})
            assert not refused.value.outcome_unknown
            await until(lambda: worker.problem or store.problem)
            await until(lambda: store.held == {"one"})
        await until(lambda: store.problem is None)
        await ended(store, "one")
        assert await store.get("two") is None
    assert handler.began == ["one"]


async def test_a_problem_ends_with_its_cause_though_nothing_else_is_written(
    sqlite_url: str,
) -> None:
    path = sqlite_url.removeprefix("sqlite:///")
    async with open_store(sqlite_url) as store, working(store, Handler()) as worker:
        await until(lambda: worker.problem is None)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailableError):
                await worker.enqueue("one", "open", {})
            assert store.problem
        await until(lambda: store.problem is None)


async def test_a_drain_lets_running_tasks_end_and_leaves_the_waiting_ones(url: str) -> None:
    handler = Handler()
    async with open_store(url) as store, working(store, handler, Limits(slots=1)) as worker:
        await worker.enqueue("runs", "open", {})
        await worker.enqueue("waits", "open", {})
        draining = asyncio.create_task(worker.drain(20))
        await asyncio.sleep(0)  # it has begun
        await worker.enqueue("late", "open", {})
        handler.gate.set()
        assert await draining == 0
    assert handler.began == ["runs"]
    again = Handler(open_=True)
    async with open_store(url) as store, working(store, again):
        await ended(store, "runs", "waits", "late")
    assert sorted(again.began) == ["late", "waits"]
    assert not any(context.task.step_may_have_run for context in again.contexts)


async def test_no_post_begins_shortly_before_the_end(sqlite_url: str) -> None:
    refused = asyncio.Event()

    async def handle(context: TaskContext) -> Outcome:
        context.advance(lambda: {"step": "post"})
        while not refused.is_set():
            try:
                await context.may_post()
            except PostponedError:
                refused.set()
                raise
            await asyncio.sleep(0)
        return Done()

    async with open_store(sqlite_url) as store, working(store, handle) as worker:
        await worker.enqueue("one", "open", {"step": "open"})
        assert await worker.drain(8) == 0  # too short for a post
        assert refused.is_set()
    again = Handler(open_=True)
    async with open_store(sqlite_url) as store, working(store, again):
        await ended(store, "one")
    (context,) = again.contexts
    assert context.task.state == {"step": "post"}
    assert not context.task.step_may_have_run


async def test_a_task_that_is_cut_short_might_have_run(sqlite_url: str) -> None:
    handler = Handler()
    async with open_store(sqlite_url) as store, working(store, handler) as worker:
        await worker.enqueue("one", "open", {})
        await until(lambda: handler.began)
        assert await worker.drain(0) == 1
    again = Handler(open_=True)
    async with open_store(sqlite_url) as store, working(store, again):
        await ended(store, "one")
    assert again.contexts[0].task.step_may_have_run


async def test_a_killed_process_leaves_its_tasks_as_perhaps_run(sqlite_url: str) -> None:
    handler = Handler()
    async with open_store(sqlite_url) as store, working(store, handler, Limits(slots=1)) as worker:
        await worker.enqueue("ran", "open", {})
        await worker.enqueue("waited", "open", {})
        path = sqlite_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as dead, closing(sqlite3.connect(f"{path}.2")) as copy:
            dead.backup(copy)  # the file after a kill
    again = Handler(open_=True)
    async with open_store(f"{sqlite_url}.2") as store, working(store, again):
        assert store.unclean_start
        await ended(store, "ran", "waited")
    found = {context.task.id: context.task.step_may_have_run for context in again.contexts}
    assert found == {"ran": True, "waited": False}


async def test_a_backlog_is_told_once_it_is_old(sqlite_url: str) -> None:
    handler = Handler()
    async with (
        open_store(sqlite_url) as store,
        working(store, handler, Limits(slots=1, old=0.0)) as worker,
    ):
        await worker.enqueue("one", "open", {})
        with capture_logs() as lines:
            await worker.enqueue("two", "open", {})
            await until(lambda: worker.late_by)
        assert "tasks wait for a slot" in {line["event"] for line in lines}
        handler.gate.set()
        await ended(store, "one", "two")
        await until(lambda: not worker.late_by)
