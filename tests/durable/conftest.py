"""Stores in both databases, for the same tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg  # type: ignore[import-untyped]
import pytest

from bot.durable.database import open_store
from bot.durable.lease import LeaseTiming
from bot.durable.postgres import Postgres, open_postgres
from bot.durable.store import Store
from tests.durable.postgres import postgres, postgres_programs, postgres_server, postgres_url

__all__ = ["postgres", "postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

# A peer waits two seconds, because a busy machine delays heartbeats; other durations are shorter.
QUICK = LeaseTiming(renew=0.1, fresh=0.5, dead=2.0, late=1.0, sweep=0.3, write=3.0)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, also for a run of this folder alone."""
    config.addinivalue_line("markers", "slow: takes seconds: kills, takeovers, hung servers")


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def until_async(condition: Callable[[], Awaitable[object]], seconds: float = 20) -> None:
    """Wait until a condition holds that needs a query."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def until_waiting(url: str) -> None:
    """Wait until one transaction waits for the lock of another."""
    connection = await asyncpg.connect(url)

    async def waits() -> bool:
        return bool(await connection.fetch("SELECT 1 FROM pg_locks WHERE NOT granted"))

    await until_async(waits)
    await connection.close()


@asynccontextmanager
async def replica(url: str, timing: LeaseTiming = QUICK) -> AsyncIterator[tuple[Store, Postgres]]:
    """Open a store with a short lease, like one of several processes."""
    async with open_postgres(url, wait=5, timing=timing) as database:
        store = Store(database)
        try:
            yield store, database
        finally:
            await store.close(3)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An open store of each kind."""
    async with open_store(url) as opened:
        yield opened
