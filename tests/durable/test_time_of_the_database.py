"""The timeout of a write counts a slow database, but not a busy event loop."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from bot.durable.batch import Unit
from bot.durable.committer import Committer
from bot.durable.model import Enqueue, StoreUnavailableError

NEW = Enqueue("a task", "open", {}, "commands")
TURNS = 12  # of the event loop, which a database on the network needs for a transaction


class Database:
    """Write after some turns of the event loop, or on request."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()

    async def write(self, units: Sequence[Unit]) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await self.answers.wait()
        for unit in units:
            unit.results = [True]


async def be_busy() -> None:
    """Keep the event loop busy, one long turn after another."""
    while True:
        time.sleep(0.1)  # noqa: ASYNC251 - as much work does
        await asyncio.sleep(0)


async def test_a_busy_event_loop_is_no_slow_database() -> None:
    committer = Committer(Database(), lambda _: None)
    busy = asyncio.create_task(be_busy())
    assert await committer.written(committer.submit(NEW, durable=False), 0.3) == [True]
    busy.cancel()
    await committer.close(1)


async def test_a_slow_database_is_not_waited_for() -> None:
    database = Database()
    database.answers.clear()
    committer = Committer(database, lambda _: None)
    sent = committer.submit(NEW, durable=False)
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError) as raised:
        await committer.written(sent, 0.3)
    assert time.monotonic() - began < 2
    assert raised.value.outcome_unknown
    with pytest.raises(StoreUnavailableError) as raised:
        await committer.written(committer.submit(NEW, durable=False), 0.3)
    assert not raised.value.outcome_unknown
    database.answers.set()
    await committer.close(1)
