"""A name server on loopback with one name and its addresses, as Docker's is for a service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from typing import cast

_HEADER = 12  # bytes
_A = b"\x00\x01\x00\x01"  # the type and the class of a question for IPv4 addresses


class NameServer(asyncio.DatagramProtocol):
    """Answer every question with the addresses of the moment. RFC 1035, section 4."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.asked = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        self.asked += 1
        end = data.index(b"\x00", _HEADER) + 1 + len(_A)
        question = data[_HEADER:end]
        found = self.addresses if question.endswith(_A) else []
        counts = (1, len(found), 0, 0)
        header = data[:2] + b"\x85\x80" + b"".join(n.to_bytes(2, "big") for n in counts)
        answers = b"".join(
            b"\xc0\x0c" + _A + (1).to_bytes(4, "big") + b"\x00\x04" + IPv4Address(each).packed
            for each in found
        )
        self._transport.sendto(header + question + answers, addr)


@asynccontextmanager
async def name_server() -> AsyncIterator[tuple[NameServer, int]]:
    """Run the server; it comes with its port."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    try:
        yield server, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
