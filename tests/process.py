"""The bot as a process of its own, the way an operator runs it."""

import asyncio
import ctypes
import json
import os
import resource
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import Env

_NOT_OURS = (
    *("ACCESS_", "SLACK_", "BASETEN_", "DATABASE_", "WATCH_", "LOG_", "PORT", "HOST", "PERSON_"),
    *("METRICS_", "OTEL_"),
)
_DROP, _DAC = 24, (1, 2)  # PR_CAPBSET_DROP of CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
ROOT = Path(__file__).parent.parent
FULL_DISK = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(not FULL_DISK.exists(), reason="macOS has no /dev/full")


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
        "BASETEN_PER_SECOND": "0",
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
        if self.process.stdout is None:  # the test reads it
            return
        while chunk := await self.process.stdout.read(65536):
            async with self._more:
                self.said += chunk.decode()
                self._more.notify_all()

    async def until(self, found: Callable[[str], bool], seconds: float = 40) -> None:
        """Wait until it has said something; on a busy machine its imports alone take 20 seconds."""
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

    async def ended(self, seconds: float = 40) -> int:
        """Wait for its end and return its exit code."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            await self._reading
        return code


@asynccontextmanager
async def started(  # noqa: PLR0913 - named, and few tests need the last three
    *arguments: str,
    cwd: Path,
    settings: dict[str, str] | None = None,
    stdin: int = asyncio.subprocess.DEVNULL,
    out: int = asyncio.subprocess.PIPE,
    open_files: int | None = None,
    bound_by_modes: bool = False,
    module: str = "bot",
) -> AsyncIterator[Process]:
    """Run ``python -m bot`` in a folder; what still runs at the end is killed.

    Args:
        arguments: after ``python -m bot``.
        cwd: the folder.
        settings: as environment variables.
        stdin: its standard input.
        out: its standard output and error, if the test reads them itself.
        open_files: the limit of its open files, instead of this process's.
        bound_by_modes: the modes of files hold for it, even if it runs as root.
        module: what to run instead of the bot.
    """

    def limit() -> None:
        if open_files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
        for capability in _DAC if bound_by_modes else ():
            ctypes.CDLL(None).prctl(_DROP, capability, 0, 0, 0)

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=cwd,
        env=environment(settings or {}),
        stdin=stdin,
        stdout=out,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=limit if open_files is not None or bound_by_modes else None,
    )
    running = Process(process)
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await running.ended()
