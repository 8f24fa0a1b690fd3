"""Processes that die at any moment, as ``kill -9`` ends them, and lose nothing they accepted."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest

from bot.sandbox import BotUnreachableError, Delay
from bot.sandbox.slack import DEFAULT_SCOPES
from tests.conftest import World
from tests.journal.postgres import postgres_programs, postgres_server, postgres_url
from tests.process import Process, settings_of, started

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

KILLS = 20
AT_ONCE = 4  # people who type one command after the other
EACH = (
    10  # commands, at most, before the bot dies: all those make more requests than it lives to see
)
UPSERT = r"/v1/teams/[^/]+/training_projects"
POST = "/api/chat.postMessage"
Record = Callable[[str, object], None]


def listening_at(process: Process) -> str:
    """The bot's address, from its own log line."""
    lines = [json.loads(line) for line in process.said.splitlines()]
    (port,) = [line["port"] for line in lines if line["event"] == "listening"]
    return f"http://127.0.0.1:{port}"


async def ready(process: Process) -> str:
    await process.until(lambda said: "Slack knows the bot" in said)
    return listening_at(process)


class Stream:
    """People who type commands, each about a project of its own, at one bot after the other."""

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.random = random
        self.accepted: list[str] = []
        self._typed = 0

    async def type_until_it_dies(self) -> None:
        """Type until nobody answers any more, but not for ever."""
        for _ in range(EACH):
            self._typed += 1
            name = f"project-{self._typed:04}"
            try:
                delivery = await self.world.slack.command(f"research {name}")
            except BotUnreachableError:
                return
            if delivery.status == 200 and not delivery.body:
                self.accepted.append(name)

    async def any_moment(self) -> None:
        """Wait for a request that nobody can foretell; it is not answered yet."""
        wire = self.random.choice([self.world.slack, self.world.baseten])
        moment = len(wire.requests) + self.random.randint(1, 30)
        await wire.until(lambda: len(wire.requests) >= moment, 30)

    def answers(self) -> Counter[str]:
        """How many messages there are about each project."""
        said = [message.text for message in self.world.slack.messages]
        return Counter(name for text in said for name in [text.split("*")[1]])

    async def all_answered(self, seconds: float) -> None:
        """Wait until each command that was accepted has its answer."""
        slack = self.world.slack
        await slack.until(lambda: not set(self.accepted) - set(self.answers()), seconds)

    def summary(self) -> str:
        """Say what came of it."""
        answers = self.answers()
        lost = len(set(self.accepted) - set(answers))
        twice = sum(count - 1 for count in answers.values())
        return f"{len(self.accepted)} accepted, {lost} lost, {twice} posted once more"


def slow(world: World) -> None:
    """Let each step take some time, so that processes die in the middle of it."""
    world.baseten.faults.always(UPSERT, Delay(0.05))
    world.slack.faults.always(POST, Delay(0.02))


def may_read(world: World) -> None:
    """Let the bot look whether a message is there before it posts it again."""
    world.slack.scopes = (*DEFAULT_SCOPES, "channels:history")


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_twenty_kills_on_sqlite_lose_nothing(
    still: World, tmp_path: Path, record_property: Record
) -> None:
    may_read(still)
    slow(still)
    stream = Stream(still, Random(4))  # noqa: S311 - no secret
    for _ in range(KILLS):
        async with started(cwd=tmp_path, settings=settings_of(still)) as bot:
            still.slack.bot_url = await ready(bot)
            people = [asyncio.create_task(stream.type_until_it_dies()) for _ in range(AT_ONCE)]
            await stream.any_moment()
            bot.process.kill()
            await asyncio.gather(*people)
    async with started(cwd=tmp_path, settings=settings_of(still)) as bot:
        await ready(bot)
        await stream.all_answered(60)
        bot.process.terminate()
        assert await bot.ended() == 0
    record_property("figure", f"{KILLS} kills on SQLite: {stream.summary()}")
    assert len(stream.accepted) > KILLS
    assert set(stream.answers().values()) == {1}
    # Each is new: whoever took it over may not know who created it, but claims nothing else.
    assert not [m.text for m in still.slack.messages if "already exists" in m.text]


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_another_process_takes_over_what_a_dead_one_held(
    still: World, tmp_path: Path, postgres_url: str, record_property: Record
) -> None:
    may_read(still)
    slow(still)
    stream = Stream(still, Random(5))  # noqa: S311 - no secret
    settings = settings_of(still) | {"DATABASE_URL": postgres_url}
    async with AsyncExitStack() as stack:
        dying, living = [
            await stack.enter_async_context(started(cwd=tmp_path, settings=settings))
            for _ in range(2)
        ]
        still.slack.bot_url = await ready(dying)
        await ready(living)
        people = [asyncio.create_task(stream.type_until_it_dies()) for _ in range(AT_ONCE)]
        await still.baseten.until(lambda: len(still.baseten.upserts) > 20, 30)
        dying.process.kill()
        died_at = time.monotonic()
        await asyncio.gather(*people)
        left = len(set(stream.accepted) - set(stream.answers()))
        await stream.all_answered(60)
        took = time.monotonic() - died_at
        living.process.terminate()
        assert await living.ended() == 0
    said = f"{left} under way were taken over within {took:.1f} s"
    record_property("figure", f"one of two killed on PostgreSQL: {stream.summary()}; {said}")
    assert left > 0
    assert set(stream.answers().values()) == {1}
