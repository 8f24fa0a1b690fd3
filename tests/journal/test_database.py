"""Opening a database, and what happens when it goes away."""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from bot.journal.database import DatabaseError, open_journal
from bot.journal.journal import JournalUnavailableError
from bot.journal.runner import Runner
from bot.journal.schema import VERSION, metadata
from bot.journal.steps import Done
from tests.journal.conftest import until
from tests.journal.jobs import Job, done, runner_of, running
from tests.journal.postgres import Postgres

DRIVERS = {"sqlite": "aiosqlite", "postgresql": "asyncpg"}
WORKER = Path(__file__).parent / "worker.py"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def path_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


async def test_what_was_accepted_is_there_when_it_is_opened_again(url: str) -> None:
    async with open_journal(url) as journal:
        await journal.submit("one", "open", {"n": 1}, after=0)
        await journal.put("teams", "a", {"n": 2})
    async with open_journal(url) as journal:
        assert [entry.state for entry in await journal.claim(["open"], 1)] == [{"n": 1}]
        assert await journal.read("teams", "a") == {"n": 2}


async def test_what_the_process_before_held_is_free_at_once_and_dirty(sqlite_url: str) -> None:
    async with open_journal(sqlite_url) as journal:
        await journal.submit("one", "open", {"n": 1})
    async with open_journal(sqlite_url) as journal:
        (entry,) = await journal.claim(["open"], 1)
        assert (entry.dirty, entry.state) == (True, {"n": 1})


async def test_the_migrations_make_the_tables_that_the_statements_use(url: str) -> None:
    async with open_journal(url):
        pass
    engine = create_async_engine(
        url.replace("://", f"+{DRIVERS[url.split(':', maxsplit=1)[0]]}://")
    )
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda migrated: compare_metadata(
                MigrationContext.configure(migrated, opts={"version_table": VERSION}), metadata
            )
        )
    await engine.dispose()
    assert differences == []


async def test_a_newer_schema_is_refused_in_words(url: str) -> None:
    async with open_journal(url) as journal:
        await journal.submit("one", "open", {}, after=0)
    await _execute(url, "UPDATE training_bot_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match=r"schema is 9999, .* up to 0001 only.*newer version"):
        async with open_journal(url):
            pass
    await _execute(url, "UPDATE training_bot_version SET version_num = '0001'")
    async with open_journal(url) as journal:
        assert await journal.get("one") is not None


async def _execute(url: str, statement: str) -> None:
    """Reach past the journal."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(path_of(url))) as connection:
            connection.execute(statement)
            connection.commit()
        return
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "not a URL"),
        ("mysql://bot:secret@host/bot", "must begin with sqlite:/// or postgresql://"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:////proc/none/bot.db", r"sqlite\+aiosqlite:////proc/none/bot.db cannot be used"),
        ("postgres://bot:secret@127.0.0.1:1/bot", r"bot:\*\*\*@127.0.0.1:1/bot cannot be used"),
        ("postgresql://bot:secret@127.0.0.1:1/bot?sslmode=disable", "Connect call failed"),
        ("postgresql://bot:secret@127.0.0.1:1/bot?unknown=1", "unknown"),
        (
            "postgresql://bot:secret@127.0.0.1:1/bot?connect_timeout=soon",
            "cannot be used: .*'soon'",
        ),
        ("postgresql://bot:secret@a..b/bot", r"a\.\.b/bot cannot be used: .*label empty"),
    ],
)
async def test_what_cannot_be_used_is_said_in_words(url: str, words: str) -> None:
    with pytest.raises(DatabaseError, match=words) as raised:
        async with open_journal(url):
            pass
    assert "secret" not in str(raised.value)


async def test_a_file_that_is_no_database_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    path.write_text("not a database, " * 1000)
    with pytest.raises(DatabaseError, match=r"file is not a database\. Give another file"):
        async with open_journal(f"sqlite:///{path}"):
            pass


@pytest.mark.parametrize("path", ["a-file/bot.db", "a-folder", "/proc/none/bot.db"])
async def test_where_no_file_can_be_another_folder_is_asked_for(tmp_path: Path, path: str) -> None:
    (tmp_path / "a-file").touch()
    (tmp_path / "a-folder").mkdir()
    with pytest.raises(
        DatabaseError, match=r"\. Give a file in a folder that the bot may write to"
    ):
        async with open_journal(f"sqlite:///{tmp_path / path}"):
            pass


async def test_the_folder_that_is_made_is_the_bots_alone(sqlite_url: str) -> None:
    async with open_journal(sqlite_url):
        assert Path(path_of(sqlite_url)).parent.stat().st_mode & 0o077 == 0


async def test_the_second_process_on_a_file_is_told(sqlite_url: str) -> None:
    async with open_journal(sqlite_url):
        asked = time.monotonic()
        with pytest.raises(DatabaseError, match="in use by another process"):
            async with open_journal(sqlite_url, wait=0.3):
                pass
        assert time.monotonic() - asked >= 0.3


async def test_a_deploy_waits_for_the_process_before(sqlite_url: str) -> None:
    opened = asyncio.Event()

    async def second() -> None:
        async with open_journal(sqlite_url) as journal:
            opened.set()
            assert await journal.get("one") is not None

    async with open_journal(sqlite_url) as journal:
        waiting = asyncio.create_task(second())
        await asyncio.wait([waiting], timeout=0.3)
        assert not opened.is_set()
        await journal.submit("one", "open", {}, after=0)
    await waiting


async def test_replicas_that_start_together_share_one_migration(postgres_url: str) -> None:
    async def start(number: int) -> None:
        async with open_journal(postgres_url) as journal:
            await journal.submit(f"{number}", "open", {}, after=0)

    await asyncio.gather(*(start(number) for number in range(5)))


async def test_replicas_never_take_the_same(postgres_url: str) -> None:
    async with open_journal(postgres_url) as one, open_journal(postgres_url) as two:
        for number in range(100):
            await one.submit(f"{number}", "open", {}, after=0)
        taken = await asyncio.gather(
            *(each.claim(["open"], 7) for _ in range(10) for each in (one, two))
        )
        ids = [entry.id for entries in taken for entry in entries]
        assert sorted(ids) == sorted(f"{number}" for number in range(100))


async def test_a_word_reaches_the_other_replica_and_wakes_it(postgres_url: str) -> None:
    job = Job(Done())
    async with open_journal(postgres_url) as one, open_journal(postgres_url) as two:
        heard: list[int] = []
        two.listen("teams", lambda: heard.append(1))
        await one.notify("teams")
        await until(lambda: heard)
        async with running(runner_of(two, job.handle)) as runner:
            await until(lambda: runner.trouble is None)
            asked = time.monotonic()
            await one.submit("one", "open", {}, after=0)
            await until(lambda: job.begun)
            assert job.began_at[0] - asked < 1


async def test_the_line_to_the_replicas_comes_back(postgres: Postgres, postgres_url: str) -> None:
    async with open_journal(postgres_url) as one, open_journal(postgres_url) as two:
        heard: list[int] = []
        two.listen("teams", lambda: heard.append(1))
        postgres.stop()
        await one.notify("teams")  # nobody hears, and that is no fault
        assert not heard
        postgres.start()
        await until(lambda: heard)  # whatever was missed is looked for now
        heard.clear()
        await one.notify("teams")
        await until(lambda: heard)


async def test_a_locked_file_fails_soon_and_the_runner_recovers(sqlite_url: str) -> None:
    job = Job(Done())
    async with open_journal(sqlite_url) as journal:
        runner = runner_of(journal, job.handle)
        async with running(runner):
            await until(lambda: runner.trouble is None)
            with closing(sqlite3.connect(path_of(sqlite_url), isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                await _refused(runner)
                await until(lambda: runner.trouble)
            await _recovered(runner, job)


@pytest.mark.parametrize("how", ["stopped", "hung"])
async def test_a_server_that_is_away_fails_soon_and_the_runner_recovers(
    postgres: Postgres, postgres_url: str, how: str
) -> None:
    job = Job(Done())
    async with open_journal(postgres_url) as journal:
        runner = runner_of(journal, job.handle)
        async with running(runner):
            await until(lambda: runner.trouble is None)
            if how == "stopped":
                postgres.stop()
            else:
                postgres.hang()
            await _refused(runner)
            with pytest.raises(JournalUnavailableError):
                await journal.read("teams", "a")
            await until(lambda: runner.trouble)
            if how == "stopped":
                postgres.start()
            else:
                postgres.go_on()
            await _recovered(runner, job)


async def _refused(runner: Runner) -> None:
    """As many as come at once are told soon."""
    asked = time.monotonic()
    refusals = await asyncio.gather(
        *(runner.accept("lost", "open", {}) for _ in range(20)), return_exceptions=True
    )
    assert {type(refusal) for refusal in refusals} == {JournalUnavailableError}
    assert time.monotonic() - asked < 1.5


async def _recovered(runner: Runner, job: Job) -> None:
    await until(lambda: runner.trouble is None)
    assert await runner.accept("after", "open", {})
    await until(lambda: "after" in {entry.id for entry in job.begun})


async def test_what_a_killed_process_had_begun_is_taken_over(url: str) -> None:
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        WORKER,
        url,
        env=os.environ | {"PYTHONPATH": str(WORKER.parent.parent.parent)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert worker.stdout is not None
    begun = {(await worker.stdout.readline()).decode().strip() for _ in range(5)}
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    assert begun == {f"{number}" for number in range(5)}
    job = Job(Done())
    async with open_journal(url) as journal, running(runner_of(journal, job.handle)):
        for number in range(5):
            await done(journal, f"{number}")
    assert len(job.begun) == 5
    assert all(entry.dirty for entry in job.begun)
    assert all(entry.state == {"step": "post"} for entry in job.begun)
