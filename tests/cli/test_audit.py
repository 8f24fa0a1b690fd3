"""``python -m bot audit``: the rows of the log, beside a running bot."""

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.cli.audit import since
from bot.durable.database import open_store
from bot.durable.model import Record
from bot.durable.reader import read_events
from tests.conftest import Env
from tests.durable.conftest import until_async
from tests.durable.postgres import postgres_programs, postgres_server, postgres_url
from tests.process import FULL_DISK, environment, needs_full_disk, settings_of, started

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


async def run(env: Env, folder: Path, url: str, *arguments: str, code: int = 0) -> str:
    """Run the command in a process of its own, and return its output."""
    settings = settings_of(env) | {"DATABASE_URL": url}
    async with started("audit", *arguments, cwd=folder, settings=settings) as process:
        assert await process.ended() == code, process.said
    assert "Traceback" not in process.said
    return process.said


@pytest.mark.parametrize("kind", ["sqlite_url", "postgres_url"])
async def test_the_rows_are_printed_beside_a_running_bot(
    idle_env: Env, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    url: str = request.getfixturevalue(kind)
    async with idle_env.running(database_url=SecretStr(url)):
        for name in ("one", "two"):
            await idle_env.slack.command(f"research {name}")
        await idle_env.answered(2)

        async def both() -> bool:
            return len([row async for page in read_events(url, 0.0) for row in page]) == 2

        await until_async(both)
        table = await run(idle_env, tmp_path, url)
        lines = await run(idle_env, tmp_path, url, "--json", "--since", "1h")
        later = await run(idle_env, tmp_path, url, "--since", "2999-01-01")
    header, *rows = table.splitlines()
    assert header.split() == [
        *("time", "actor", "outcome", "team", "project", "job", "channel", "entry", "point", "rule")
    ]
    assert sorted(row.split()[4:6] for row in rows) == [["Research", "one"], ["Research", "two"]]
    assert all("U0SANDBOX1  created" in row and row.endswith("no grants") for row in rows)
    shown = [json.loads(line) for line in lines.splitlines()]
    assert {row["name"] for row in shown} == {"one", "two"}
    assert {row["outcome"] for row in shown} == {"created"}
    assert later == "The audit log has nothing since 2999-01-01 00:00 UTC.\n"


@pytest.mark.parametrize(
    ("redirection", "code", "errors"),
    [
        ("<&-", 0, b""),
        (">&-", 0, b""),
        ("2>&-", 0, b""),
        pytest.param(
            f">{FULL_DISK}",
            1,
            b"The audit cannot go on: No space left on device.\n",
            marks=needs_full_disk,
        ),
    ],
)
async def test_a_closed_stream_and_a_full_disk_end_it_in_order(
    idle_env: Env, tmp_path: Path, redirection: str, code: int, errors: bytes
) -> None:
    async with open_store(idle_env.url):
        pass
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f'"$0" -m bot audit {redirection}', sys.executable),
        cwd=tmp_path,
        env=environment(settings_of(idle_env) | {"DATABASE_URL": idle_env.url}),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert (process.returncode, said) == (code, errors)


async def test_a_terminal_cannot_be_changed_by_a_row(
    idle_env: Env, tmp_path: Path, sqlite_url: str
) -> None:
    event = {"time": "2026-11-23T17:10:03.1Z", "actor_kind": "person", "actor": "U1"}
    event |= {"name": "a\x1b[31m\u202e\n", "outcome": "é…", "later": "x"}
    async with open_store(sqlite_url) as store:
        await store.write(Record("e", 9e9, event))
    said = await run(idle_env, tmp_path, sqlite_url)
    assert "a\\x1b[31m\\u202e\\n" in said
    assert len(said.splitlines()) == 2
    settings = settings_of(idle_env) | {"DATABASE_URL": sqlite_url, "PYTHONIOENCODING": "ascii"}
    async with started("audit", cwd=tmp_path, settings=settings) as process:
        await process.process.wait()
        assert process.process.returncode == 0


async def test_what_cannot_be_read_is_said_in_words(
    idle_env: Env, tmp_path: Path, sqlite_url: str, closed_port: int
) -> None:
    assert "does not exist. Start the bot once" in await run(idle_env, tmp_path, sqlite_url, code=1)
    nobody = f"postgresql://bot:hush@127.0.0.1:{closed_port}/bot"
    said = await run(idle_env, tmp_path, nobody, code=1)
    assert f"postgresql://bot:***@127.0.0.1:{closed_port}/bot cannot be used" in said
    assert "hush" not in said
    wrong = await run(idle_env, tmp_path, sqlite_url, "--since", "yesterday", code=2)
    assert "'yesterday' is neither a duration, such as 7d, 12h or 30m, nor a date" in wrong


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d", datetime(2026, 11, 16, 17, tzinfo=UTC)),
        ("12h", datetime(2026, 11, 23, 5, tzinfo=UTC)),
        ("30m", datetime(2026, 11, 23, 16, 30, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
    ],
)
def test_durations_and_dates(text: str, expected: datetime) -> None:
    assert since(text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "7", "d", "-7d", "7w", "999999d", "2026-13-01", "7d\n", "\u0667d"]
)
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is neither a duration"):
        since(text, NOW)
