"""The health of the bot, and its pages ``/healthz`` and ``/readyz`` for the platform."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from bot import __version__

# Names of parts in the health pages.
DATABASE = "database"  # listeners answer in words while it is away
DRAINING = "draining"
SOCKET = "socket"


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
        reasons = self.health.reasons()
        answer = {"ready": not reasons, "reasons": reasons, "warnings": self.health.warnings}
        return web.json_response(answer, status=503 if reasons else 200)
