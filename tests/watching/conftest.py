"""What the watches stand on: a Slack and a Baseten on loopback, and a clock that a test moves."""

from collections.abc import AsyncIterator

import pytest

from bot.channel_gate import ChannelGate
from bot.connections import connections
from bot.posting import Poster
from bot.sandbox import Clock, SandboxBaseten, SandboxSlack
from tests.conftest import RESEARCH, World
from tests.watching.scene import Scene


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    clock = Clock()
    async with SandboxSlack(now=clock) as slack, SandboxBaseten(now=clock) as baseten:
        baseten.add_team("Research", id=RESEARCH)
        async with connections(World(slack, baseten).settings()) as out:
            pauses = Clock()
            gate = ChannelGate(lambda: pauses().timestamp())
            poster = Poster(out.slack, out.session, out.redactor, gate)
            yield Scene(slack, baseten, clock, out.baseten, poster, out.redactor, pauses)
