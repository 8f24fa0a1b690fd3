"""The loop of a worker survives every error of its database."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from structlog.testing import capture_logs

from bot.durable.batch import Row, Unit
from bot.durable.context import TaskContext
from bot.durable.database import open_store
from bot.durable.model import Done, Enqueue, Outcome
from bot.durable.sqlite import SQLite
from bot.durable.statements import Statement
from bot.durable.store import Store
from bot.durable.worker import Worker
from tests.durable.conftest import until


class Odd(SQLite):
    """A database whose driver fails on request."""

    odd = True

    async def write(self, units: Sequence[Unit]) -> None:
        if self.odd:
            raise AttributeError("the driver's own")
        await super().write(units)

    async def read(self, statement: Statement, rows: Sequence[Row], within: float) -> list[Row]:
        if self.odd and "min(created_at)" in statement.sql:
            raise AttributeError("the driver's own")
        return await super().read(statement, rows, within)


async def test_a_worker_goes_on_after_any_error(tmp_path: Path) -> None:
    done: list[str] = []

    async def handle(context: TaskContext) -> Outcome:
        done.append(context.task.id)
        return Done()

    async with open_store(f"sqlite:///{tmp_path}/bot.db") as store:
        await store.write(Enqueue("w1", "open", {}, "commands"))
    database = Odd(tmp_path / "bot.db", unclean_start=False)
    store = Store(database)
    worker = Worker(store, "commands")
    worker.on("open", handle)
    with capture_logs() as lines:
        running = asyncio.create_task(worker.run())
        await until(
            lambda: "cannot read the age of waiting tasks" in [line["event"] for line in lines]
        )
        database.odd = False
        await until(lambda: done)  # it retries every second
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])
    await store.close(1)
    await database.close()
