"""The database, or a replica, stands still while posts are under way."""

import asyncio
import signal
import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Literal

import httpx
import pytest
from structlog.testing import capture_logs

from bot.app import running
from bot.sandbox import Delay
from tests.conftest import Env
from tests.durable.postgres import (
    Postgres,
    postgres,
    postgres_programs,
    postgres_server,
    postgres_url,
)
from tests.process import settings_of, started
from tests.scenarios.crowd import POST, Crowd, may_read

__all__ = ["postgres", "postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

Record = Callable[[str, object], None]


async def until_ready(url: str, *, ready: bool, seconds: float = 30) -> None:
    """Wait until the bot says that it can take commands, or that it cannot."""
    async with httpx.AsyncClient() as platform, asyncio.timeout(seconds):
        while (await platform.get(f"{url}/readyz")).is_success is not ready:
            await asyncio.sleep(0.05)


async def test_a_start_waits_for_a_database_that_is_away(idle_env: Env) -> None:
    async with running(idle_env.settings()) as bot, httpx.AsyncClient() as platform:
        idle_env.slack.bot_url = bot.url
        with closing(sqlite3.connect(idle_env.folder / "bot.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with capture_logs() as lines:
                serving = asyncio.create_task(bot.serve())
                async with asyncio.timeout(20):
                    while "the start waits for the database" not in [
                        line["event"] for line in lines
                    ]:
                        await asyncio.sleep(0.01)
            page = await platform.get(f"{bot.url}/readyz")
            assert page.status_code == 503
            assert "the start waits for the database" in page.json()["reasons"]["database"]
            other.execute("ROLLBACK")
        async with asyncio.timeout(20):
            await bot.health.ready()
        await idle_env.slack.command("research sft")
        await idle_env.answered()
        assert not serving.done()
        serving.cancel()


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["hangs", "stops"])
async def test_a_database_that_is_away_for_twenty_seconds_doubles_nothing(
    idle_env: Env,
    tmp_path: Path,
    postgres: Postgres,
    record_property: Record,
    how: Literal["hangs", "stops"],
) -> None:
    idle_env.slack.faults.always(POST, Delay(2.0))
    crowd = Crowd(idle_env)
    settings = settings_of(idle_env) | {"DATABASE_URL": postgres.new_database()}
    async with AsyncExitStack() as stack:
        bots = [
            await stack.enter_async_context(started(cwd=tmp_path, settings=settings))
            for _ in range(2)
        ]
        urls = [await bot.ready() for bot in bots]
        people = [asyncio.create_task(crowd.type_on(urls, 5)) for _ in range(20)]
        await crowd.posts_begin(20)
        postgres.hang() if how == "hangs" else postgres.stop()
        began = asyncio.get_running_loop().time()
        people += [asyncio.create_task(crowd.type_on(urls, 1)) for _ in range(4)]
        await asyncio.gather(*people)
        refused = len(crowd.refused)
        for bot, url in zip(bots, urls, strict=True):
            assert bot.process.returncode is None, bot.said[-8000:]
            await until_ready(url, ready=False)
        before = crowd.begun().total()
        await asyncio.sleep(20 - (asyncio.get_running_loop().time() - began))
        during = crowd.begun().total() - before
        postgres.go_on() if how == "hangs" else postgres.start()
        for url in urls:
            await until_ready(url, ready=True)
        await crowd.type(urls=urls)
        await crowd.all_answered(60)
        for bot in bots:
            await bot.stopped()
    figure = f"PostgreSQL {how} for 20 s: {crowd.summary()}, {refused} refused, {during} posts late"
    record_property("figure", figure)
    assert not crowd.doubled()
    assert refused
    assert not crowd.untrue()


@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_a_locked_file_doubles_nothing_and_refuses_in_words(
    idle_env: Env, tmp_path: Path, record_property: Record
) -> None:
    idle_env.slack.faults.always(POST, Delay(1.0))
    crowd = Crowd(idle_env)
    async with started(cwd=tmp_path, settings=settings_of(idle_env)) as bot:
        idle_env.slack.bot_url = await bot.ready()
        await crowd.type_many(crowd.people)
        await crowd.posts_begin(20)
        path = tmp_path / "data" / "bot.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await idle_env.slack.until(lambda: len(crowd.left()) == 0, 30)
            await crowd.type_many(crowd.people[:5])
            await until_ready(bot.url, ready=False)
            assert len(other.execute("SELECT 1 FROM training_bot_tasks").fetchall()) > 0
            other.execute("ROLLBACK")
        await until_ready(bot.url, ready=True)
        await crowd.type()
        await crowd.all_answered(30)
        await bot.stopped()
    record_property("figure", f"SQLite locked: {crowd.summary()}, {len(crowd.refused)} refused")
    assert not crowd.doubled()
    assert len(crowd.refused) == 5
    assert not crowd.untrue()
    left_open = len(crowd.accepted) - len(await crowd.on_disk(f"sqlite:///{path}"))
    assert left_open == 0


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("reads", [True, False], ids=["looks", "blind"])
async def test_a_replica_that_stood_still_posts_nothing_that_its_peer_has(
    idle_env: Env, tmp_path: Path, postgres_url: str, record_property: Record, *, reads: bool
) -> None:
    if reads:
        may_read(idle_env)
    idle_env.slack.faults.always(POST, Delay(2.0))
    crowd = Crowd(idle_env)
    settings = settings_of(idle_env) | {"DATABASE_URL": postgres_url}
    async with AsyncExitStack() as stack:
        stale, peer = [
            await stack.enter_async_context(started(cwd=tmp_path, settings=settings))
            for _ in range(2)
        ]
        idle_env.slack.bot_url = await stale.ready()
        await peer.ready()
        await crowd.type_many(crowd.people * 3)  # more than can be in flight in the channels
        await crowd.posts_begin(80)
        stale.process.send_signal(signal.SIGSTOP)
        stopped_at = asyncio.get_running_loop().time()
        on_disk = await crowd.on_disk(postgres_url)
        doubtful = crowd.begun().keys() - on_disk
        left = len(crowd.left())
        await crowd.all_ended(postgres_url, 80)  # the peer does it all
        took = asyncio.get_running_loop().time() - stopped_at
        posts = crowd.begun().total()
        stale.process.send_signal(signal.SIGCONT)
        await stale.until(lambda said: "a peer declared this process dead" in said)
        await until_ready(stale.url, ready=True)
        assert crowd.begun().total() == posts
        idle_env.slack.bot_url = stale.url
        await crowd.type()
        await crowd.all_answered(20)
        for bot in (stale, peer):
            await bot.stopped()
    record_property(
        "figure",
        f"a replica stood still with {left} left: the peer needed {took:.1f} s;"
        f" {crowd.summary()}, of {len(doubtful)} in doubt",
    )
    assert left
    assert crowd.doubled() <= (set() if reads else doubtful)
