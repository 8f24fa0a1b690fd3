"""The page ``/metrics``, on a port of its own: the port for Slack is open to the internet."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from aiohttp import web

from bot.durable.model import StoreUnavailableError
from bot.durable.store import Store
from bot.follows.store import COLLECTION as FOLLOWS
from bot.handlers.services import Services
from bot.server.health import SOCKET, Health
from bot.telemetry.metrics import CONTENT_TYPE, Facts, Metrics
from bot.watches.store import WATCHES

_LONGEST_READ = 2.0  # seconds; Prometheus waits 10 by default
_COUNTED = (WATCHES, FOLLOWS)  # collections; each has a gauge of its name


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """The handler of the page.

    Attributes:
        metrics: counted since the start.
        services: the workers and the background work.
        store: holds the waiting tasks, the watches and the follows of all processes.
        health: knows the state of the bot and of its socket.
        socket_mode: there is a socket.
    """

    metrics: Metrics
    services: Services
    store: Store
    health: Health
    socket_mode: bool

    def application(self) -> web.Application:
        """Return the server with this one page."""
        server = web.Application()
        server.router.add_get("/metrics", self.handle)
        return server

    async def handle(self, _: web.Request) -> web.Response:
        """Answer with all metrics; while the database is away, without its counts."""
        page = self.metrics.page(await self._facts())
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE})

    async def _facts(self) -> Facts:
        self.health.update()
        problems = self.health.reasons()
        running = {worker.queue: worker.running for worker in self.services.workers.all}
        facts = Facts(
            ready=not problems,
            socket_connected=SOCKET not in problems if self.socket_mode else None,
            running=running | {"background": len(self.services.in_flight)},
        )
        with suppress(StoreUnavailableError, TimeoutError):
            async with asyncio.timeout(_LONGEST_READ):
                backlog = {queue: await self.store.backlog(queue) for queue in running}
                return replace(
                    facts,
                    waiting={queue: count for queue, (count, _) in backlog.items()},
                    oldest={queue: seconds for queue, (_, seconds) in backlog.items()},
                    counted={name: await self.store.count(name) for name in _COUNTED},
                )
        return facts
