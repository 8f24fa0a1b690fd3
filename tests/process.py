"""The bot as a process of its own, the way an operator runs it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conftest import Env

_NOT_OURS = ("SLACK_", "BASETEN_", "DATABASE_", "WATCH_", "LOG_", "PORT", "HOST", "PERSON_")
ROOT = Path(__file__).parent.parent


def environment(settings: dict[str, str]) -> dict[str, str]:
    """This process's environment without any setting of the bot, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    return kept | {"PYTHONPATH": str(ROOT)} | settings


def settings_of(env: Env, *, socket: bool = False) -> dict[str, str]:
    """Settings, as environment variables, that point at the sandbox."""
    way_in = (
        {"SLACK_APP_TOKEN": env.slack.app_token}
        if socket
        else {"SLACK_SIGNING_SECRET": env.slack.signing_secret}
    )
    return way_in | {
        "SLACK_BOT_TOKEN": env.slack.bot_token,
        "SLACK_API_URL": env.slack.api_url,
        "BASETEN_API_KEY": env.baseten.api_key,
        "BASETEN_API_URL": env.baseten.url,
        "HOST": "127.0.0.1",
        "PORT": "0",
        # No limits for a person.
        "PERSON_PER_MINUTE": "0",
        "PERSON_WAITING": "0",
    }


class Process:
    """A running ``python -m bot``, and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""
        self._more = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while chunk := await self.process.stdout.read(65536):
            async with self._more:
                self.said += chunk.decode()
                self._more.notify_all()

    async def until(self, found: Callable[[str], bool], seconds: float = 20) -> None:
        """Wait until it has said something."""
        async with asyncio.timeout(seconds), self._more:
            await self._more.wait_for(lambda: found(self.said))

    async def ready(self) -> str:
        """Wait until it takes commands, and return its address."""
        await self.until(lambda said: "Slack knows the bot" in said)
        return self.url

    @property
    def url(self) -> str:
        """Its address, from its own log line."""
        lines = [json.loads(line) for line in self.said.splitlines() if line[0] == "{"]
        (port,) = [line["port"] for line in lines if line["event"] == "listening"]
        return f"http://127.0.0.1:{port}"

    async def stopped(self) -> None:
        """End it as a platform does, and expect a clean exit."""
        self.process.terminate()
        assert await self.ended() == 0, self.said[-5000:]

    async def ended(self, seconds: float = 30) -> int:
        """Wait for its end and return its exit code."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            await self._reading
        return code


@asynccontextmanager
async def started(
    *arguments: str,
    cwd: Path,
    settings: dict[str, str] | None = None,
    stdin: int = asyncio.subprocess.DEVNULL,
    module: str = "bot",
) -> AsyncIterator[Process]:
    """Run ``python -m bot`` in a folder; what still runs at the end is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=cwd,
        env=environment(settings or {}),
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    running = Process(process)
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await running.ended()
