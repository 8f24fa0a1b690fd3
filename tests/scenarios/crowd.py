"""Many people who type commands in many channels, and what came of it."""

import asyncio
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from random import Random
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]

from bot.sandbox import BotUnreachableError
from bot.sandbox.slack.server import DEFAULT_SCOPES
from tests.conftest import Env

UPSERT = r"/v1/teams/[^/]+/training_projects"
POST = "/api/chat.postMessage"
NOTHING, MIGHT = "Nothing was", "I might have taken this"
_NAME = re.compile(rb"project-\d{5}")


_ENDED = "SELECT id FROM training_bot_tasks WHERE ended_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Typed:
    """An accepted command.

    Attributes:
        name: of its project; no other command has it.
        user: the person.
        task_id: the task's.
        at: when it was typed, on the monotonic clock.
    """

    name: str
    user: str
    task_id: str
    at: float


class Crowd:
    """People who type commands, each about a project of its own.

    Attributes:
        accepted: the commands that the bot acked, by name.
        refused: the words of the other acks, by name.
    """

    def __init__(self, env: Env, *, people: int = 40, channels: int = 20) -> None:
        self.env = env
        self.random = Random(4)  # noqa: S311 - no secret
        self.accepted: dict[str, Typed] = {}
        self.refused: dict[str, str] = {}
        self.people = [f"U0PERSON{number:03}" for number in range(people)]
        self._channels = [f"C0CROWD{number:03}" for number in range(channels)]
        self._numbers = count()
        self._stop = asyncio.Event()
        for channel in self._channels:
            env.slack.add_channel(channel)

    async def type(self, user: str = "", urls: Sequence[str] = ()) -> bool:
        """Type one command; return whether the bot answered at all."""
        number = next(self._numbers)
        name, user = f"project-{number:05}", user or self.random.choice(self.people)
        channel = self._channels[number % len(self._channels)]
        if urls:
            self.env.slack.bot_url = self.random.choice(urls)
        at = time.monotonic()
        try:
            delivery = await self.env.slack.command(f"research {name}", channel=channel, user=user)
        except (BotUnreachableError, TimeoutError):
            return False
        if delivery.status == 200 and not delivery.body:
            self.accepted[name] = Typed(name, user, f"command:{delivery.trigger_id}", at)
        else:
            self.refused[name] = str(delivery.body)
        return True

    async def type_many(self, users: Sequence[str]) -> None:
        """Type a command for each of these, all at once."""
        await asyncio.gather(*(self.type(user) for user in users))

    async def type_on(self, urls: Sequence[str], most: int = 10) -> None:
        """Type one command after the other, until a bot does not answer."""
        for _ in range(most):
            if not await self.type(urls=urls):
                return

    async def any_moment(self, most: int = 30) -> None:
        """Wait for a request that cannot be foretold; it is not answered yet."""
        wire = self.random.choice([self.env.slack, self.env.baseten])
        moment = len(wire.requests) + self.random.randint(0, most)
        await wire.until(lambda: len(wire.requests) >= moment, 30)

    def answers(self) -> Counter[str]:
        """Return how many messages there are about each project."""
        return Counter(_named(message.text) for message in self.env.slack.messages)

    def begun(self) -> Counter[str]:
        """Return how many posts have begun about each project."""
        posts = [request for request in self.env.slack.requests if request.path == POST]
        found = [_NAME.search(request.body) for request in posts]
        return Counter(match[0].decode() for match in found if match)

    def answered_at(self) -> dict[str, float]:
        """Return when each project's first post began, on the monotonic clock."""
        at: dict[str, float] = {}
        for request in self.env.slack.requests:
            if request.path == POST and (match := _NAME.search(request.body)):
                at.setdefault(match[0].decode(), request.at)
        return at

    def left(self) -> set[str]:
        """Return the accepted commands without an answer."""
        return self.accepted.keys() - self.answers().keys()

    def untrue(self) -> set[str]:
        """Return the projects of which an ack said that nothing was done, and that have posts."""
        denied = {name for name, words in self.refused.items() if MIGHT not in words}
        assert all(NOTHING in self.refused[name] for name in denied)
        return denied & self.begun().keys()

    def doubled(self) -> set[str]:
        """Return the projects with more than one answer."""
        return {name for name, number in self.answers().items() if number > 1}

    async def all_answered(self, seconds: float) -> None:
        """Wait until each accepted command has its answer."""
        slack = self.env.slack
        enough = len(self.accepted)
        await slack.until(lambda: len(slack.messages) >= enough and not self.left(), seconds)

    async def posts_begin(self, number: int, seconds: float = 30) -> None:
        """Wait until so many posts have begun."""
        await self.env.slack.until(lambda: self.begun().total() >= number, seconds)

    async def on_disk(self, url: str) -> set[str]:
        """Return the accepted commands whose end is in the database."""
        ended = await ended_tasks(url)
        return {name for name, typed in self.accepted.items() if typed.task_id in ended}

    async def all_ended(self, url: str, seconds: float) -> None:
        """Wait until the end of each accepted command is in the database."""
        async with asyncio.timeout(seconds):
            while self.accepted.keys() - await self.on_disk(url):
                await asyncio.sleep(0.2)

    def summary(self) -> str:
        """Return what came of it."""
        twice = sum(self.answers().values()) - len(self.answers())
        return f"{len(self.accepted)} accepted, {len(self.left())} lost, {twice} doubled"


async def ended_tasks(url: str) -> set[str]:
    """Return the ids of the tasks whose end is in the database."""
    address = urlsplit(url)
    if address.scheme == "sqlite":
        with closing(sqlite3.connect(address.path.removeprefix("/"))) as database:
            return {task_id for (task_id,) in database.execute(_ENDED)}
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return {row[0] for row in await connection.fetch(_ENDED)}
    finally:
        await connection.close()


def may_read(env: Env) -> None:
    """Let the bot search channels for its messages."""
    env.slack.scopes = (*DEFAULT_SCOPES, "channels:history")


def _named(text: str) -> str:
    """Return the project that a message is about."""
    found = re.search(r"project-\d{5}", text)
    assert found is not None, text
    return found[0]
