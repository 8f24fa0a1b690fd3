"""Fixtures of the watches: a Slack and a Baseten on loopback, and a clock that a test moves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.connections import connections
from bot.durable.database import open_store
from bot.durable.sqlite import SQLite
from bot.durable.store import Store
from bot.sandbox import Clock, SandboxBaseten, SandboxSlack
from bot.slack.channel_gate import ChannelGate
from bot.slack.messages import Poster
from bot.slack.people import People
from tests.conftest import RESEARCH, Env
from tests.watches.scene import Scene


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[Path]:
    """A SQLite file with the schema."""
    async with open_store(f"sqlite:///{tmp_path}/bot.db"):
        yield tmp_path / "bot.db"


@pytest.fixture
async def database(file: Path) -> AsyncIterator[SQLite]:
    opened = SQLite(file, unclean_start=False)
    yield opened
    await opened.close()


@pytest.fixture
async def elsewhere(file: Path) -> AsyncIterator[Store]:
    """Another store on the same file, as another process has one on a shared database."""
    opened = SQLite(file, unclean_start=False)
    store = Store(opened)
    yield store
    await store.close(1)
    await opened.close()


@pytest.fixture
async def scene(database: SQLite, tmp_path: Path) -> AsyncIterator[Scene]:
    clock, pauses = Clock(), Clock()
    async with SandboxSlack(now=clock) as slack, SandboxBaseten(now=clock) as baseten:
        baseten.add_team("Research", id=RESEARCH)
        async with connections(Env(slack, baseten, tmp_path).settings()) as out:
            gate = ChannelGate(lambda: pauses().timestamp())
            poster = Poster(out.slack, out.session, out.redactor, gate)
            scene = Scene(
                slack,
                baseten,
                clock,
                out.baseten,
                poster,
                out.redactor,
                People(out.slack),
                pauses,
                database,
            )
            yield scene
            for store in scene.stores:
                await store.close(1)
