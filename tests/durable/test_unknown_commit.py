"""A COMMIT without an answer loses no work and repeats none."""

import asyncio
import itertools
from collections import Counter

import pytest

from bot.durable.context import TaskContext
from bot.durable.model import Done, Enqueue, Finish, Outcome, Save, State, StoreUnavailableError
from bot.durable.worker import Worker
from tests.documents import documents_of
from tests.durable.conftest import replica, until, until_async
from tests.durable.proxy import Moment, Proxy, proxied
from tests.durable.test_store import QUEUE, add, claim

MOMENTS: tuple[Moment, Moment] = ("before", "after")
both = pytest.mark.parametrize("moment", MOMENTS)


def more(state: State | None) -> State:
    return {"n": (state or {"n": 0})["n"] + 1}


@both
async def test_a_task_is_inserted_once(postgres_url: str, moment: Moment) -> None:
    async with proxied(postgres_url) as (proxy, url), replica(url) as (store, _):
        proxy.cut = moment
        assert await store.enqueue(Enqueue("one", "open", {}, QUEUE)).written == [True]
        assert proxy.cuts == 1
        assert [task.id for task in await claim(store)] == ["one"]


@both
async def test_an_end_and_its_documents_are_written_once(postgres_url: str, moment: Moment) -> None:
    async with proxied(postgres_url) as (proxy, url), replica(url) as (store, _):
        await add(store, "one")
        await claim(store)
        proxy.cut = moment
        ended = store.submit(Finish("one"), store.amendment("counts", "a", more))
        other = store.submit(store.amendment("counts", "b", more))
        await asyncio.wait([ended.written, other.written])
        assert proxy.cuts == 1
        assert await documents_of(store, "counts") == {"a": {"n": 1}, "b": {"n": 1}}
        task = await store.get("one")
        assert task is not None
        assert task.ended


@both
async def test_a_save_is_written_once(postgres_url: str, moment: Moment) -> None:
    async with proxied(postgres_url) as (proxy, url), replica(url) as (store, _):
        await add(store, "one")
        (task,) = await claim(store)
        proxy.cut = moment
        saved = store.submit(Save(task, delay=0), store.amendment("counts", "a", more))
        await saved.written
        assert proxy.cuts == 1
        assert await store.read("counts", "a") == {"n": 1}
        (again,) = await claim(store)
        assert again.attempt == 2


@both
async def test_claimed_tasks_reach_their_claimer(postgres_url: str, moment: Moment) -> None:
    async with proxied(postgres_url) as (proxy, url), replica(url) as (store, _):
        for n in range(5):
            await add(store, f"{n}")
        store.held.add("0")
        assert len(await claim(store, 1, held=())) == 1  # the task in memory
        proxy.cut = moment
        assert {task.id for task in await claim(store)} == {"1", "2", "3", "4"}
        assert proxy.cuts == 1


async def test_a_caller_that_leaves_is_told_and_the_task_runs_if_it_is_there(
    postgres_url: str,
) -> None:
    async with proxied(postgres_url) as (proxy, url), replica(url) as (store, _):
        proxy.cut = "after"
        pending = store.enqueue(Enqueue("one", "open", {}, QUEUE, owner=store.owner))
        pending.abandoned = True
        with pytest.raises(StoreUnavailableError) as raised:
            await pending.written
        assert raised.value.outcome_unknown
        # No process holds it. The next batch frees it.
        assert [task.id for task in await claim(store)] == ["one"]


@pytest.mark.slow
async def test_a_stream_of_commands_with_many_cuts(postgres_url: str) -> None:
    ran: Counter[str] = Counter()
    ids = [f"{n}" for n in range(300)]

    async with proxied(postgres_url) as (proxy, url), replica(url) as (store, database):
        owner = database.owner

        async def handle(context: TaskContext) -> Outcome:
            ran[context.task.id] += 1
            return Done((store.amendment("counts", f"{int(context.task.id) % 7}", more),))

        async def command(task_id: str) -> None:
            try:
                await worker.enqueue(task_id, "open", {}, person=f"U{int(task_id) % 10}")
            except StoreUnavailableError as error:
                if not error.outcome_unknown:  # so it was not accepted
                    await command(task_id)

        worker = Worker(store, QUEUE)
        worker.on("open", handle)
        running = asyncio.create_task(worker.run())
        await until(lambda: worker.problem is None)
        cutting = asyncio.create_task(_cut_now_and_then(proxy))
        for start in range(0, len(ids), 20):
            await asyncio.gather(*(command(task_id) for task_id in ids[start : start + 20]))
        cutting.cancel()
        await asyncio.wait([cutting])
        proxy.cut = None

        async def all_ended() -> bool:
            return not await store.still_open(ids) and len(ran) == len(ids)

        await until_async(all_ended, 30)
        running.cancel()
        await asyncio.wait([running])
        assert proxy.cuts >= 4
        assert database.owner == owner
        assert ran == Counter(ids)
        counts = await documents_of(store, "counts")
        assert sum(count["n"] for count in counts.values()) == len(ids)


async def _cut_now_and_then(proxy: Proxy) -> None:
    for moment in itertools.cycle(MOMENTS):
        enough = proxy.commits + 3
        while proxy.commits < enough:
            await asyncio.sleep(0.005)
        proxy.cut = moment
