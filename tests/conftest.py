"""What the scenarios stand on: the real bot between a Slack and a Baseten on loopback."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import AnyHttpUrl, SecretStr

from bot.app import Bot, running
from bot.connections import connections
from bot.durable.store import Store
from bot.sandbox import SandboxBaseten, SandboxSlack
from bot.settings import Settings
from bot.wiring import Tuning
from tests.ports import held_port

RESEARCH = "wp7ndew"


@pytest.fixture(autouse=True)
def plain_logs() -> None:
    """Log as the bot does by itself, but for tracebacks in colors, each of which takes seconds."""
    drawn = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.reset_defaults()
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], drawn])


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file in a folder; neither exists yet."""
    return f"sqlite:///{tmp_path}/data/bot.db"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@dataclass
class Env:
    """A Slack, a Baseten, and the bot between them."""

    slack: SandboxSlack
    baseten: SandboxBaseten
    folder: Path
    bot: Bot = field(init=False)
    serving: asyncio.Task[None] = field(init=False)

    @property
    def url(self) -> str:
        """The database's."""
        return f"sqlite:///{self.folder}/bot.db"

    def settings(self, **changes: Any) -> Settings:
        """Settings that point at the sandbox, and owe nothing to the environment."""
        return Settings(
            **{
                "slack_bot_token": SecretStr(self.slack.bot_token),
                "slack_app_token": None,
                "slack_signing_secret": SecretStr(self.slack.signing_secret),
                "slack_api_url": AnyHttpUrl(self.slack.api_url),
                "baseten_api_key": SecretStr(self.baseten.api_key),
                "baseten_api_url": AnyHttpUrl(self.baseten.url),
                "baseten_timeout": 5,
                "database_url": SecretStr(self.url),
                "access_file": None,
                "host": "127.0.0.1",
                "port": 0,
                "baseten_per_second": 0,
                "person_per_minute": 0,  # a test types faster than a person
                "person_waiting": 0,
                "log_level": "info",
                "log_format": None,
            }
            | changes
        )

    @property
    def other_database(self) -> SecretStr:
        """The file of a second bot, as one file serves one bot."""
        return SecretStr(f"sqlite:///{self.folder}/other.db")

    @asynccontextmanager
    async def running(self, tuning: Tuning | None = None, **changes: Any) -> AsyncIterator[Bot]:
        """Run the bot until it is ready, and end it as a SIGTERM does."""
        async with running(self.settings(**changes), tuning) as self.bot:
            self.serving = asyncio.create_task(self.bot.serve())
            if not changes.get("slack_app_token"):
                self.slack.bot_url = self.bot.url
            async with asyncio.timeout(20):
                await self.bot.health.ready()
            yield self.bot
            self.serving.cancel()

    @asynccontextmanager
    async def running_on(
        self, store: Store, tuning: Tuning | None = None, **changes: Any
    ) -> AsyncIterator[Bot]:
        """Run the bot on a store that others use too."""
        settings = self.settings(**changes)
        async with connections(settings) as out, AsyncExitStack() as stack:
            self.bot = bot = Bot(settings, out, store, tuning or Tuning())
            await bot.listen(stack)
            serving = asyncio.create_task(bot.serve())
            self.slack.bot_url = bot.url
            async with asyncio.timeout(20):
                await bot.health.ready()
            yield bot
            await bot.drain()
            serving.cancel()

    async def answered(self, count: int = 1) -> None:
        """Wait until so many messages are in channels."""
        await self.slack.until(lambda: len(self.slack.messages) >= count)

    async def told(self, count: int = 1) -> str:
        """Wait until people have been told so many things alone, and return the last."""
        await self.slack.until(lambda: len(self.slack.ephemerals) >= count)
        return self.slack.ephemerals[-1].text

    async def hears(self, words: str) -> None:
        """Wait until somebody alone is told these words."""
        await self.slack.until(
            lambda: any(words in told.text for told in self.slack.ephemerals), 30
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that nothing is left to wait for alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Collect no garbage in what is loaded now: on a busy machine that takes a second each time.

    A request waits for half a second, or for one, before it is answered in other words.
    """
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests have recorded, whichever process ran them."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "figure":
                terminalreporter.write_line(f"{report.nodeid}: {value}")


Mode = Callable[[Env], AbstractAsyncContextManager[Bot]]


def over_http(env: Env) -> AbstractAsyncContextManager[Bot]:
    """Slack calls the bot."""
    return env.running()


def over_a_socket(env: Env) -> AbstractAsyncContextManager[Bot]:
    """The bot calls Slack, and Slack answers down the same line."""
    return env.running(slack_app_token=SecretStr(env.slack.app_token))


@pytest.fixture
async def idle_env(tmp_path: Path) -> AsyncIterator[Env]:
    """A Slack and a Baseten; the bot is yet to be started."""
    async with SandboxSlack() as slack, SandboxBaseten() as baseten:
        baseten.add_team("Default", default=True)
        baseten.add_team("Research", id=RESEARCH)
        yield Env(slack, baseten, tmp_path)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of loopback where nobody listens."""
    with held_port() as port:
        yield port


@pytest.fixture(params=[over_http, over_a_socket], ids=["http", "socket"])
async def env(idle_env: Env, request: pytest.FixtureRequest) -> AsyncIterator[Env]:
    """A running bot, once for each way in."""
    mode: Mode = request.param
    async with mode(idle_env):
        yield idle_env


@pytest.fixture
async def http(idle_env: Env) -> AsyncIterator[Env]:
    """A running bot that Slack calls."""
    async with idle_env.running():
        yield idle_env
