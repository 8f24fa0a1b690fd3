"""The three journals, which are held to the same tests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from bot.journal.database import open_journal
from bot.journal.journal import LEASE, Journal
from bot.journal.memory import MemoryJournal
from tests.journal.postgres import postgres, postgres_programs, postgres_server, postgres_url

__all__ = ["postgres", "postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

Opened = AbstractAsyncContextManager[Journal]
Open = Callable[[float], Opened]


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file in a folder, neither of which is there yet."""
    return f"sqlite:///{tmp_path}/data/bot.db"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def opening(request: pytest.FixtureRequest) -> Open:
    """What opens a journal with a lease of so many seconds, once for each kind."""
    if request.param == "memory":

        @asynccontextmanager
        async def memory(lease: float) -> AsyncIterator[Journal]:
            yield MemoryJournal(lease)

        return memory
    url: str = request.getfixturevalue(f"{request.param}_url")
    return lambda lease: open_journal(url, lease=lease)


@pytest.fixture
async def journal(opening: Open) -> AsyncIterator[Journal]:
    """An open journal, once for each kind."""
    async with opening(LEASE) as opened:
        yield opened
