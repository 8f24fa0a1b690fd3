"""Limits for the connections of strangers: their number, their time, and the bytes they send.

The bot's port is open to everybody, and only a signature proves Slack. If a limit is reached, the
oldest connection without such a proof is closed, because a request of Slack arrives within
milliseconds.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from aiohttp import web

from bot.server.pace import Pace

log = structlog.stdlib.get_logger(__name__)

_BUFFER = 16 * 1024  # bytes that aiohttp reads ahead of the handler


@dataclass(frozen=True, slots=True)
class PortLimits:
    """The limits of the open port; sizes in bytes, times in seconds.

    Attributes:
        connections: open at once.
        body: of one request.
        bodies: of all requests without a proved signature together.
        request: the time for the headers of a connection's first request, and for a body.
        idle: the time between two requests on one connection.
    """

    connections: int = 600
    body: int = 1024 * 1024
    bodies: int = 16 * 1024 * 1024
    request: float = 10.0
    idle: float = 75.0


class Guard:
    """Keep the connections of strangers within the limits."""

    def __init__(self, limits: PortLimits) -> None:
        self.limits = limits
        self._unproved: dict[Connection, None] = {}  # the oldest first
        self._proved: set[Connection] = set()
        self._bodies: dict[Connection, int] = {}  # bytes of bodies under way, the oldest first
        self._size = 0
        self._pace = Pace(most=1)

    def opened(self, connection: "Connection") -> None:
        """Count a connection, and close the oldest stranger's if there are too many."""
        self._unproved[connection] = None
        if len(self._unproved) + len(self._proved) > self.limits.connections:
            self._close_oldest(next(iter(self._unproved)), "connections")

    def closed(self, connection: "Connection") -> None:
        """Forget a connection."""
        self._unproved.pop(connection, None)
        self._proved.discard(connection)
        self.body_ended(connection)

    def proved(self, connection: "Connection") -> None:
        """Record that a signature on this connection was valid."""
        if connection in self._unproved:
            del self._unproved[connection]
            self._proved.add(connection)

    def body_grew(self, connection: "Connection", size: int) -> None:
        """Count bytes of a body, and close the oldest strangers' connections if they are many."""
        self._bodies[connection] = self._bodies.get(connection, 0) + size
        self._size += size
        while self._size > self.limits.bodies:
            self._close_oldest(next(iter(self._bodies)), "bytes")

    def body_ended(self, connection: "Connection") -> None:
        """Forget the bytes of a body."""
        self._size -= self._bodies.pop(connection, 0)

    def _close_oldest(self, connection: "Connection", limit: str) -> None:
        peer = connection.peer
        self.closed(connection)
        connection.abort()
        if (more := self._pace.more()) is not None:
            log.warning(
                "closed the oldest connection, because strangers reach a limit",
                limit=limit,
                peer=peer,
                more=more,
            )


class Connection(web.RequestHandler):
    """A connection of the HTTP server, with a time limit for its first request.

    Args:
        server: aiohttp's.
        guard: counts the connections.
        malformed: called with the peer for bytes that are no HTTP request.
    """

    def __init__(
        self, server: web.Server, guard: Guard, malformed: Callable[[str, str], object]
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=guard.limits.idle,
            lingering_time=2.0,  # seconds to read on after a refusal, so that the peer gets it
            read_bufsize=_BUFFER,
            auto_decompress=False,  # the signature covers the bytes as Slack sends them
            access_log=None,  # type: ignore[arg-type] # None is allowed
        )
        self._guard = guard
        self._malformed = malformed
        self._timer: asyncio.TimerHandle | None = None
        self.peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and start its time limit."""
        super().connection_made(transport)
        address = transport.get_extra_info("peername")
        self.peer = str(address[0]) if address else ""
        self._timer = asyncio.get_running_loop().call_later(self._guard.limits.request, self.abort)
        self._guard.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self.began()
        self._guard.closed(self)
        super().connection_lost(exc)

    def began(self) -> None:
        """End the time limit: the headers of a request are complete."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def abort(self) -> None:
        """Close the connection at once, whatever its peer has not received yet."""
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer 400 to bytes that are no HTTP request, without the traceback that aiohttp logs."""
        if status != 400:  # noqa: PLR2004
            return super().handle_error(request, status, exc, message)
        self._malformed(self.peer, type(exc).__name__)
        response = web.Response(status=400, text="400: Bad Request", headers={"Server": "bot"})
        response.force_close()
        return response
