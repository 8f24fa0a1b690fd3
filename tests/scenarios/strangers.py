"""Strangers at the bot's port: hostile requests from a seed, and connections that stay open."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_PATHS = ("/slack/events", "/", "/slack/events/../x", "//[", "/%ff%00", "*", "http://x/", "/.env")
_METHODS = ("POST", "GET", "PUT", "OPTIONS", "CONNECT", "TRACE", "P\xd6ST", "get", "")
_VERSIONS = ("HTTP/1.1", "HTTP/1.0", "HTTP/9", "HTTP/1.1 x", "")
_HEADERS = (
    "X-Slack-Request-Timestamp: {now}",
    "X-Slack-Request-Timestamp: 99999999999999999999",
    "X-Slack-Signature: v0={zeros}",
    "X-Slack-Signature: v0=\xe9",
    "Content-Type: application/json",
    "Content-Type: multipart/form-data; boundary=x",
    "Content-Encoding: gzip",
    "Content-Length: 0",
    "Content-Length: -1",
    "Content-Length: 5, 6",
    "Content-Length: 99999999999999999999",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked, gzip",
    "Expect: 100-continue",
    "Expect: anything",
    "Upgrade: websocket\r\nConnection: Upgrade",
    "Connection: close",
    "Cookie: {long}",
    "Host: [",
    "X-Slack-Retry-Num: 1e9",
    " folded",
    "no colon",
)
_BODIES = (
    b"",
    b"{",
    b"\xff\xfe",
    b"payload=%7B",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"zz\r\n",
    b"[" * 9999,
)


def hostile(random: Random, now: int) -> bytes:
    """Return a request that Slack never sends."""
    if random.random() < 0.1:
        return random.randbytes(random.randrange(1, 3000)) + b"\r\n\r\n"
    line = " ".join(random.choice(part) for part in (_METHODS, _PATHS, _VERSIONS))
    headers = random.sample(_HEADERS, random.randrange(6))
    if random.random() < 0.5:  # the form of a signature, so that the bot reads the body
        line = "POST /slack/events HTTP/1.1"
        headers += [_HEADERS[0], _HEADERS[2]]
    body = random.choice(_BODIES)
    if random.random() < 0.5:
        headers.append(f"Content-Length: {len(body)}")
    text = "\r\n".join([line, "Host: bot", *headers, "", ""])
    text = text.format(now=now, zeros="0" * 64, long="x" * random.choice((10, 9000)))
    return text.encode("latin-1") + body


async def answers(url: str, sent: bytes, patience: float = 0.5) -> list[int]:
    """Send bytes on a connection of their own, and return the statuses of the answers.

    A request that is incomplete gets none before the stranger's patience ends.
    """
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    said = bytearray()
    try:
        writer.write(sent)
        async with asyncio.timeout(patience):
            while part := await reader.read(65536):
                said += part
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return [int(status) for status in _STATUS.findall(said)]


async def attack(url: str, count: int, now: int, *, at_once: int = 200) -> Counter[int]:
    """Send so many hostile requests, and count the statuses."""
    random, found = Random(6), Counter[int]()  # noqa: S311 - no secret
    requests = iter([hostile(random, now) for _ in range(count)])

    async def one_after_the_other() -> None:
        for request in requests:
            found.update(await answers(url, request))

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return found


@asynccontextmanager
async def connected(url: str, count: int, sent: bytes = b"") -> AsyncIterator[None]:
    """Hold so many connections open, each of which has sent these bytes."""
    address, writers = urlsplit(url), list[asyncio.StreamWriter]()
    try:
        for _ in range(count):
            _, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(sent)
            writers.append(writer)
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


def memory(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (kilobytes,) = re.findall(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(kilobytes) * 1024
