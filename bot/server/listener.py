"""The HTTP server: it listens from the beginning of the start to the end of the shutdown."""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import web
from slack_bolt.response import BoltResponse

from bot.server.files import most_connections
from bot.server.guard import Connection, Guard, PortLimits
from bot.server.health import Health
from bot.server.http import Dispatch, build_server
from bot.server.pace import Pace

log = structlog.stdlib.get_logger(__name__)

_BACKLOG = 1024  # connections that wait for the event loop
_RECEIVE = 64 * 1024  # bytes of a connection that the bot has not read; the system's is megabytes
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared only
_SHUTDOWN = 1.0  # seconds; long enough for every ack


class CannotListenError(Exception):
    """The address cannot be listened on; the text has the cure.

    Attributes:
        taken: another program listens on it.
    """

    def __init__(self, why: str, *, taken: bool) -> None:
        super().__init__(why)
        self.taken = taken


class Listener:
    """Listen on the operator's address, and pass Slack's requests on.

    Args:
        host: the address; ``::`` serves IPv4 too.
        port: the port; 0 chooses a free one.
        secret: Slack's signing secret; None in Socket Mode, which takes no requests here.
        shared: other replicas use the same database.
        limits: the limits for strangers; by default those that the open files allow.

    Attributes:
        health: what the health pages show.
        url: the address, once it listens.
        dispatch: passes a payload with a valid signature to Bolt.
    """

    def __init__(
        self,
        host: str,
        port: int,
        secret: str | None,
        *,
        shared: bool,
        limits: PortLimits | None = None,
    ) -> None:
        self.health = Health()
        self.url = ""
        self.dispatch: Dispatch | None = None
        self._host, self._port = host, port
        self._guard = Guard(limits or PortLimits(connections=most_connections()))
        self._pace = Pace()
        self._closed = False
        server = build_server(self.health, secret, self._pass_on, self._guard, shared=shared)
        self._runner = web.AppRunner(server, shutdown_timeout=_SHUTDOWN)

    async def listen(self) -> None:
        """Listen; from here on the health pages answer. A second call does nothing.

        Raises:
            CannotListenError: the address is not one of this machine, or is taken.
        """
        if self.url:
            return
        try:
            sockets = await self._bind()
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise CannotListenError(self._words(error), taken=taken) from None
        await self._runner.setup()
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE)  # connections inherit it
            await _Site(self._runner, each, self._connection).start()
        port = sockets[0].getsockname()[1]
        host = _EVERYWHERE.get(self._host, f"[{self._host}]" if ":" in self._host else self._host)
        self.url = f"http://{host}:{port}"
        log.info("listening", host=self._host, port=port)

    async def close(self) -> None:
        """Stop listening, after the acks that are under way. A second call does nothing."""
        if not self._closed:
            self._closed = True
            await self._runner.cleanup()

    async def _pass_on(self, body: dict[str, Any], retries: int) -> BoltResponse:
        if self.dispatch is None:  # the health has a problem until it is set
            raise LookupError("the bot starts")
        return await self.dispatch(body, retries)

    def _connection(self) -> Connection:
        assert self._runner.server is not None  # noqa: S101 - set up before it listens
        return Connection(self._runner.server, self._guard, self._malformed)

    def _malformed(self, peer: str, why: str) -> None:
        if (more := self._pace.more()) is not None:
            log.warning("refused bytes that are no HTTP request", why=why, peer=peer, more=more)

    async def _bind(self) -> list[socket.socket]:
        """Return a socket for each address of the host."""
        if self._host == "::" and socket.has_dualstack_ipv6():
            everywhere = ("::", self._port)
            return [
                socket.create_server(
                    everywhere, family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
                )
            ]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        sockets: list[socket.socket] = []
        refused: OSError | None = None
        for family, _, _, _, address in dict.fromkeys(found):
            bound = (str(address[0]), sockets[0].getsockname()[1] if sockets else self._port)
            try:
                sockets.append(socket.create_server(bound, family=family, backlog=_BACKLOG))
            except OSError as error:  # localhost can have an address that this machine lacks
                refused = error
        if refused is not None and not sockets:
            raise refused
        return sockets

    def _words(self, error: OSError) -> str:
        why = f"cannot listen on {self._host}:{self._port}"
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            return (
                f"{why}: HOST is no address of this machine. Leave HOST out, or give 0.0.0.0; some"
                " shells and conda set HOST for their own use"
            )
        return f"{why}: {error.strerror or error}"


class _Site(web.BaseSite):
    """A socket of the server, whose connections have limits."""

    def __init__(
        self, runner: web.AppRunner, own: socket.socket, connect: Callable[[], Connection]
    ) -> None:
        super().__init__(runner)
        self._own = own
        self._connect = connect

    @property
    def name(self) -> str:
        """The address, for aiohttp."""
        return str(self._own.getsockname())

    async def start(self) -> None:
        """Accept connections."""
        await super().start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connect, sock=self._own, backlog=_BACKLOG)
