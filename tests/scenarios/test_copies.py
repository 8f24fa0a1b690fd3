"""What the RUNBOOK says about an older bot and about a copy of the database."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.durable.database import open_store
from bot.durable.model import DatabaseError, Enqueue
from bot.sandbox import Hold
from tests.conftest import Env
from tests.durable.postgres import postgres, postgres_programs, postgres_server, postgres_url
from tests.scenarios.crowd import UPSERT
from tests.scenarios.tasks import until_ended

__all__ = ["postgres", "postgres_programs", "postgres_server", "postgres_url"]  # the fixtures


async def test_what_only_a_newer_bot_knows_stays_on_disk(idle_env: Env, url: str) -> None:
    async with open_store(url) as store:
        await store.write(Enqueue("newer", "open/999", {"of": "tomorrow"}, "commands"))
        for collection in ("watches", "of tomorrow"):
            await store.amend(collection, "key", lambda _: {"of": "tomorrow"})
        async with idle_env.running_on(store):
            await idle_env.slack.command("research sft")
            await idle_env.answered()
        assert (await store.backlog("commands"))[0] == 1
        for collection in ("watches", "of tomorrow"):
            assert await store.read(collection, "key") == {"of": "tomorrow"}


async def test_an_older_bot_changes_nothing_in_a_newer_file(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with open_store(sqlite_url):
        pass
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("INSERT INTO training_bot_schema VALUES (9999)")
        newer.commit()
        before = [*newer.iterdump()]
    with pytest.raises(DatabaseError, match=r"has schema 9999, .* only up to 0002"):
        async with open_store(sqlite_url):
            pass
    with closing(sqlite3.connect(path)) as newer:
        assert [*newer.iterdump()] == before


async def test_a_copy_is_used_and_answers_again_what_was_open_in_it(idle_env: Env) -> None:
    copy, copied = f"{idle_env.folder}/copy.db", asyncio.Event()
    async with idle_env.running():
        await idle_env.slack.command("research before")
        await until_ended(idle_env)
        idle_env.baseten.faults.next(UPSERT, Hold(copied))
        await idle_env.slack.command("research open")
        with closing(sqlite3.connect(f"{idle_env.folder}/bot.db")) as beside:
            beside.execute("VACUUM INTO ?", (copy,))
        copied.set()
        await idle_env.answered(2)
        await idle_env.slack.command("research after")
        await idle_env.answered(3)
    async with idle_env.running(database_url=f"sqlite:///{copy}") as bot:
        await idle_env.answered(4)
        await bot.drain()
    texts = [message.text for message in idle_env.slack.messages]
    counts = [sum(f" {name} " in text for text in texts) for name in ("before", "open", "after")]
    assert counts == [1, 2, 1]
