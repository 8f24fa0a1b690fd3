"""An open port of the bot: the sockets, and the limits for strangers."""

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from bot.server.guard import Connection, Guard, PortLimits
from bot.server.pace import Pace

log = structlog.stdlib.get_logger(__name__)

_BACKLOG = 1024  # connections that wait for the event loop
_RECEIVE = 64 * 1024  # bytes of a connection that the bot has not read; the system's is megabytes
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared only
_NOT_HERE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL}  # the last: fe80::1 alone
_SHUTDOWN = 1.0  # seconds; long enough for every ack


class CannotListenError(Exception):
    """The address cannot be listened on; the text has the cure.

    Attributes:
        taken: another program listens on it.
    """

    def __init__(self, why: str, *, taken: bool) -> None:
        super().__init__(why)
        self.taken = taken


class Port:
    """Serve an application on the operator's address.

    Args:
        application: the pages.
        host: the address; ``::`` serves IPv4 too.
        port: the port; 0 chooses a free one.
        settings: the names of the settings with the host and the port.
        guard: keeps the connections within their limits.

    Attributes:
        url: the address, once it listens.
        number: the port, once it listens.
    """

    def __init__(
        self,
        application: web.Application,
        host: str,
        port: int,
        settings: tuple[str, str],
        guard: Guard | None = None,
    ) -> None:
        self.url = ""
        self.number = port
        self._host, self._settings = host, settings
        self._guard = guard or Guard(PortLimits(connections=20))
        self._pace = Pace()
        self._closed = False
        application.middlewares.append(_begin)
        application.on_response_prepare.append(_hide_version)
        self._runner = web.AppRunner(application, shutdown_timeout=_SHUTDOWN)

    async def listen(self) -> None:
        """Listen.

        Raises:
            CannotListenError: the address is not one of this machine, or is taken.
        """
        try:
            sockets = await self._bind()
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise CannotListenError(self._words(error), taken=taken) from None
        await self._runner.setup()
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE)  # connections inherit it
            await _Site(self._runner, each, self._connection).start()
        self.number = sockets[0].getsockname()[1]
        host = _EVERYWHERE.get(self._host, f"[{self._host}]" if ":" in self._host else self._host)
        self.url = f"http://{host}:{self.number}"

    async def close(self) -> None:
        """Stop listening, after the answers that are under way. A second call does nothing."""
        if not self._closed:
            self._closed = True
            await self._runner.cleanup()

    def _connection(self) -> Connection:
        assert self._runner.server is not None  # noqa: S101 - set up before it listens
        return Connection(self._runner.server, self._guard, self._malformed)

    def _malformed(self, peer: str, why: str) -> None:
        if (more := self._pace.more()) is not None:
            log.warning("refused bytes that are no HTTP request", why=why, peer=peer, more=more)

    async def _bind(self) -> list[socket.socket]:
        """Return a socket for each address of the host."""
        if self._host == "::" and socket.has_dualstack_ipv6():
            everywhere = ("::", self.number)
            return [
                socket.create_server(
                    everywhere, family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
                )
            ]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            self._host, self.number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        sockets: list[socket.socket] = []
        refused: OSError | None = None
        for family, _, _, _, address in dict.fromkeys(found):
            bound = (str(address[0]), sockets[0].getsockname()[1] if sockets else self.number)
            try:
                sockets.append(socket.create_server(bound, family=family, backlog=_BACKLOG))
            except OSError as error:  # localhost can have an address that this machine lacks
                refused = error
        if refused is not None and not sockets:
            raise refused
        return sockets

    def _words(self, error: OSError) -> str:
        host, port = self._settings
        why = f"cannot listen on {self._host}:{self.number}"
        if isinstance(error, socket.gaierror) or error.errno in _NOT_HERE:
            own = "; some shells and conda set HOST for their own use" if host == "HOST" else ""
            cure = f"Leave {host} out, or give 0.0.0.0{own}"
            return f"{why}: {host} is no address of this machine. {cure}"
        taken = error.errno == errno.EADDRINUSE
        cure = f"; end the other program, or change {port}" if taken else ""
        reason = os.strerror(error.errno) if error.errno else error
        return f"{why} ({port}): {reason}{cure}"


@web.middleware
async def _begin(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """End the time limit of the headers; every request comes here as soon as they are complete."""
    if isinstance(request.protocol, Connection):
        request.protocol.began()
    return await handler(request)


async def _hide_version(_: web.Request, response: web.StreamResponse) -> None:
    """Remove aiohttp's header with its version and Python's."""
    response.headers.popall("Server", None)


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
