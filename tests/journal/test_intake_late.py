"""What is inserted when its giver was told already that it was not."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import asyncpg  # type: ignore[import-untyped]
import pytest
from structlog.testing import capture_logs

from bot.journal.database import open_journal
from bot.journal.journal import WORK, JournalUnavailableError
from bot.journal.statements import LONG


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@asynccontextmanager
async def held_up(url: str) -> AsyncIterator[None]:
    """Let nobody write for a while; who tries waits."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    other = await asyncpg.connect(url)
    async with other.transaction():
        await other.execute("LOCK TABLE training_bot_work IN EXCLUSIVE MODE")
        yield
    await other.close()


@pytest.mark.parametrize("after", [None, 0])
async def test_who_gave_up_while_it_was_inserted_has_handed_in_nothing(
    url: str, after: float | None
) -> None:
    told: list[str] = []
    async with open_journal(url) as journal:
        journal.listen(WORK, lambda: told.append(WORK))
        told.clear()
        async with held_up(url):
            gone, other = (
                asyncio.create_task(journal.submit(entry_id, "open", {}, after=after))
                for entry_id in ("gone", "other")
            )
            await asyncio.wait([gone, other], timeout=0.1)  # they are under way
            gone.cancel()
        assert await other is not None
    assert bool(told) == (after == 0)
    async with open_journal(url) as journal:
        assert await journal.get("gone") is None
        assert await journal.get("other") is not None


async def test_what_a_server_inserts_too_late_is_taken_back(postgres_url: str) -> None:
    told: list[str] = []
    async with open_journal(postgres_url) as journal:
        journal.listen(WORK, lambda: told.append(WORK))
        async with held_up(postgres_url):
            with pytest.raises(JournalUnavailableError):
                await journal.submit("late", "open", {}, after=0)
            told.clear()
    assert told == []
    async with open_journal(postgres_url) as journal:
        assert await journal.get("late") is None
        assert await journal.submit("late", "open", {}) is not None


async def test_what_a_server_takes_very_long_to_commit_is_taken_back(postgres_url: str) -> None:
    other = await asyncpg.connect(postgres_url)
    async with open_journal(postgres_url) as journal:
        await other.execute("ALTER SYSTEM SET synchronous_standby_names = 'none'")
        try:
            await other.execute("SELECT pg_reload_conf()")
            await asyncio.sleep(0.2)
            with pytest.raises(JournalUnavailableError):
                await journal.submit("late", "open", {}, after=0)
            await asyncio.sleep(LONG)
        finally:
            await other.execute("ALTER SYSTEM RESET synchronous_standby_names")
            await other.execute("SELECT pg_reload_conf()")
            await other.close()
    async with open_journal(postgres_url) as journal:
        assert await journal.get("late") is None


async def test_nobody_is_told_that_what_is_taken_back_was_accepted_before(url: str) -> None:
    async with open_journal(url) as journal:
        async with held_up(url):
            first, same = (
                asyncio.create_task(journal.submit("one", "open", {"n": n})) for n in range(2)
            )
            await asyncio.wait([first, same], timeout=0.1)
            first.cancel()
        with pytest.raises(JournalUnavailableError):
            await same
    async with open_journal(url) as journal:
        assert await journal.get("one") is None


async def test_what_cannot_be_taken_back_is_told_to_the_operator(postgres_url: str) -> None:
    forbid = """
    CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE 'no'; END $$ LANGUAGE plpgsql;
    CREATE TRIGGER refuse BEFORE DELETE ON training_bot_work EXECUTE FUNCTION refuse();
    """
    with capture_logs() as lines:
        async with open_journal(postgres_url) as journal:
            other = await asyncpg.connect(postgres_url)
            await other.execute(forbid)
            await other.close()
            async with held_up(postgres_url):
                gone = asyncio.create_task(journal.submit("gone", "open", {}))
                await asyncio.wait([gone], timeout=0.1)
                gone.cancel()
    assert [line["event"] for line in lines] == ["refused work stays and will be done"]


async def test_what_somebody_has_taken_since_is_let_be(url: str) -> None:
    async with open_journal(url) as journal:
        await journal.submit("one", "open", {}, after=0)
        assert await journal.claim(["open"], 1)
        async with held_up(url):
            again = asyncio.create_task(journal.submit("one", "open", {}, after=0))
            await asyncio.wait([again], timeout=0.1)
            again.cancel()
    async with open_journal(url) as journal:
        assert await journal.get("one") is not None
