"""Opening a database where others are, and letting go of it."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import cast

import asyncpg  # type: ignore[import-untyped]
import pytest
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from bot.journal.database import ADVISORY_LOCK, DatabaseError, open_journal, read_url
from bot.journal.journal import Entry, JournalUnavailableError
from bot.journal.steps import Done, Next, Steps
from tests.journal.jobs import done, runner_of
from tests.journal.postgres import Postgres

OTHERS = """
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('of another program');
CREATE TABLE work (id integer);
CREATE TABLE documents (id integer);
CREATE INDEX work_due ON work (id);
"""
WAITING = "waiting for the process that has the database"


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///data/bot.db", "sqlite+aiosqlite"),
        ("postgres://bot@host/bot", "postgresql+asyncpg"),
        ("postgresql://bot:%40%5D@host/bot?sslmode=require", "postgresql+asyncpg"),
        ("postgresql+asyncpg://host/bot", "postgresql+asyncpg"),
    ],
)
def test_a_url_is_read(url: str, driver: str) -> None:
    assert read_url(url).drivername == driver


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is not a URL"),
        ("secret", "is not a URL"),
        ("postgresql://bot@host:secret/bot", "is not a URL"),
        ("postgresql://bot:a@secret@host/bot", "is not a URL"),
        ("mysql://bot:secret@host/bot", "must begin with"),
        ("secret://host", "must begin with"),
        ("sqlite://", "must name a file"),
        ("sqlite:///", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite://secret/bot.db", "three slashes.*, such as sqlite:///data/bot.db"),
        ("sqlite://secret.db", "three slashes"),
    ],
)
def test_what_is_no_url_is_said_without_a_word_of_it(url: str, words: str) -> None:
    with pytest.raises(DatabaseError, match=words) as raised:
        read_url(url)
    assert "secret" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


async def test_another_programs_tables_are_let_be_in_a_file(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.executescript(OTHERS)
        async with open_journal(sqlite_url) as journal:
            assert await journal.submit("one", "open", {}) is not None
        assert other.execute("SELECT * FROM alembic_version").fetchall() == [
            ("of another program",)
        ]


async def test_another_programs_tables_are_let_be_in_a_server(postgres_url: str) -> None:
    other = await asyncpg.connect(postgres_url)
    await other.execute(OTHERS)
    async with open_journal(postgres_url) as journal:
        assert await journal.submit("one", "open", {}) is not None
    assert await other.fetchval("SELECT version_num FROM alembic_version") == "of another program"
    await other.close()


async def test_the_files_are_the_bots_alone(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with open_journal(sqlite_url) as journal:
        await journal.submit("one", "open", {})
        for name in ("bot.db", "bot.db-wal", "bot.db-shm"):
            assert (path.parent / name).stat().st_mode & 0o777 == 0o600


async def test_that_it_waits_for_another_process_is_said_once(sqlite_url: str) -> None:
    with capture_logs() as lines:
        async with open_journal(sqlite_url):
            assert lines == []
            with pytest.raises(DatabaseError):
                async with open_journal(sqlite_url, wait=0.5):
                    pass
    assert [(line["event"], line["log_level"]) for line in lines] == [(WAITING, "info")]


async def test_what_a_managed_server_puts_in_its_url_is_understood(postgres_url: str) -> None:
    words = "application_name=a-bot&connect_timeout=7&channel_binding=prefer&sslmode=disable"
    other = await asyncpg.connect(postgres_url)
    async with open_journal(f"{postgres_url}?{words}"):
        names = await other.fetch(
            "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
        )
        assert "a-bot" in {name for (name,) in names}
    await other.close()


async def test_who_migrates_for_too_long_is_not_waited_for(postgres_url: str) -> None:
    other = await asyncpg.connect(postgres_url)
    await other.execute(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
    with pytest.raises(DatabaseError, match=r"did not end within 0\.3 s"):
        async with asyncio.timeout(10), open_journal(postgres_url, wait=0.3):
            pass
    await other.close()
    async with open_journal(postgres_url, wait=20):
        pass


async def test_a_server_that_hangs_does_not_hold_up_the_start_for_ever(
    postgres: Postgres, postgres_url: str
) -> None:
    other = await asyncpg.connect(postgres_url)
    await other.execute(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")

    async def start() -> None:
        async with open_journal(postgres_url, wait=1):
            pass

    starting = asyncio.create_task(start())
    await asyncio.wait([starting], timeout=0.5)  # it waits for the lock
    postgres.hang()
    with pytest.raises(DatabaseError, match=r"no answer within 6 s"):
        async with asyncio.timeout(15):
            await starting
    other.terminate()


async def test_a_server_that_hangs_does_not_hold_up_the_end(
    postgres: Postgres, postgres_url: str
) -> None:
    async with open_journal(postgres_url) as journal:
        postgres.hang()
        with pytest.raises(JournalUnavailableError):
            await journal.submit("one", "open", {})
        asked = time.monotonic()
    assert time.monotonic() - asked < 3


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_what_a_database_will_never_do_is_a_failure_that_counts(
    kind: str, request: pytest.FixtureRequest
) -> None:
    async def put_nonsense(_: Entry, _steps: Steps) -> Next:
        await journal.put("teams", cast("str", None), {})
        return Done()

    async with open_journal(request.getfixturevalue(f"{kind}_url")) as journal:
        runner = runner_of(journal, put_nonsense, retries=0)
        await runner.accept("one", "open", {})
        entry = await done(journal)
    assert entry.fails == 1
    assert str(entry.error).startswith("IntegrityError")


async def test_a_value_that_a_server_cannot_hold_is_its_givers_fault(postgres_url: str) -> None:
    async with open_journal(postgres_url) as journal:
        with pytest.raises(DBAPIError):
            await journal.put("teams", "\0", {})
