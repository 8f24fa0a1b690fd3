"""The health of the bot, and its pages ``/healthz`` and ``/readyz`` for the platform."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from aiohttp import web

from bot import __version__

log = structlog.stdlib.get_logger(__name__)

# Names of parts in the health pages.
DATABASE = "database"  # listeners answer in words while it is away
DRAINING = "draining"
SLACK = "slack"  # until Slack has confirmed the token
SOCKET = "socket"
START = "start"  # until the database is open
TOKEN = "token"  # noqa: S105 - Slack refuses the token that it has confirmed before


_HOSTS = re.compile(
    r"""
      \('[^()]*'[^()]*\)                             # Python's address, such as ('10.0.0.1', 5432)
    | (?<=host\ )"[^"]*" | (?<=://)[^\s/?]+          # PostgreSQL's refusal, a URL
    | (?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?     # IPv4
    | (?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])  # IPv6
    | \b[\w-]+(?:\.[\w-]+)+:\d+                     # a name with a port
    """,
    re.VERBOSE,
)


class Health:
    """Whether the bot takes requests, and each problem that prevents it.

    Args:
        update: called before each look at the problems, to bring them up to date.

    Attributes:
        warnings: by part; the bot takes requests, but an operator should know of these.
    """

    def __init__(self, update: Callable[[], object] = lambda: None) -> None:
        self.warnings: dict[str, str] = {}
        self.update = update
        self._problems: dict[str, str] = {}
        self._ready = asyncio.Event()
        self._ready.set()

    def set_problem(self, part: str, problem: str) -> None:
        """Record a problem of a part; until it is cleared the bot is not ready."""
        self._problems[part] = problem
        self._ready.clear()

    def clear_problem(self, part: str) -> None:
        """Record that a part has no problem."""
        self._problems.pop(part, None)
        if not self._problems:
            self._ready.set()

    def reasons(self) -> dict[str, str]:
        """Return the problems by part; none if the bot is ready."""
        return dict(self._problems)

    async def ready(self) -> None:
        """Wait until no part has a problem."""
        await self._ready.wait()


def without_hosts(text: str) -> str:
    """Return a reason without addresses and names of hosts: everybody can read the page."""
    return _HOSTS.sub("…", text)


async def report_waits(health: Health, every: float) -> None:
    """Log what the start waits for, every so many seconds, until the bot is ready."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(every):
                await health.ready()
                return
        health.update()
        for part, reason in health.reasons().items():
            log.warning("the start still waits", part=part, reason=reason)


@dataclass(frozen=True, slots=True)
class HealthPages:
    """The handlers of both pages."""

    health: Health

    async def healthz(self, _: web.Request) -> web.Response:
        """Answer 200: the process lives, its event loop turns, and this is its version."""
        return web.json_response({"ok": True, "version": __version__})

    async def readyz(self, _: web.Request) -> web.Response:
        """Answer 200 if the bot takes requests, 503 with the problems if it does not."""
        self.health.update()
        reasons = {part: without_hosts(why) for part, why in self.health.reasons().items()}
        answer = {"ready": not reasons, "reasons": reasons, "warnings": self.health.warnings}
        return web.json_response(answer, status=503 if reasons else 200)
