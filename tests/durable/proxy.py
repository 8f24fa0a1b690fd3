"""A proxy to PostgreSQL that can cut a connection at a COMMIT."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

Moment = Literal["before", "after"]
_COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"  # https://www.postgresql.org/docs/current/protocol.html
_COMMITTED = b"COMMIT\x00"  # the end of the server's CommandComplete


class Proxy:
    """Relay bytes, and cut the connection at the next COMMIT on request.

    Attributes:
        cut: ``before``: the next COMMIT does not reach the server; ``after``: its answer does not
            reach the client.
        cuts: the number of cut connections.
        commits: the number of COMMITs that clients sent.
    """

    def __init__(self, port: int) -> None:
        self.cut: Moment | None = None
        self.cuts = 0
        self.commits = 0
        self.port = 0
        self._server_port = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection until either side ends it."""
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._server_port)
        cut: list[Moment] = []
        both = [
            asyncio.create_task(self._upstream(reader, ours, cut)),
            asyncio.create_task(self._downstream(theirs, writer, cut)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            for end in (ours, writer):
                end.transport.abort()

    async def _upstream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: list[Moment]
    ) -> None:
        while data := await reader.read(65536):
            if data.endswith(_COMMIT):
                self.commits += 1
                if self.cut is not None:
                    cut.append(self.cut)
                    self.cut = None
                    if cut == ["before"]:
                        self.cuts += 1
                        return
            writer.write(data)

    async def _downstream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: list[Moment]
    ) -> None:
        while data := await reader.read(65536):
            if cut and _COMMITTED in data:
                self.cuts += 1
                return
            writer.write(data)


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """Return a proxy, and the URL that leads through it."""
    before, _, after = url.rpartition(":")
    port, _, name = after.partition("/")
    proxy = Proxy(int(port))
    served: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        with suppress(OSError, asyncio.CancelledError):
            await proxy.serve(reader, writer)
        served.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy, f"{before}:{proxy.port}/{name}"
    finally:
        server.close()
        for task in list(served):
            task.cancel()
        if served:
            await asyncio.wait(served)
