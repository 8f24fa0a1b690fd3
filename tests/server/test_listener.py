"""The open port: who is refused, how soon, and what it costs."""

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from aiohttp import web
from slack_bolt.response import BoltResponse
from structlog.testing import capture_logs

from bot.sandbox.slack.transports import signature_headers
from bot.server.guard import PortLimits
from bot.server.listener import Listener
from bot.server.port import CannotListenError, Port
from bot.views.installation import Installation

SECRET = "0123456789abcdef0123456789abcdef"
BODY = urlencode({"command": "/training-project", "text": "research sft"}).encode()
LOCAL = "127.0.0.1"


async def accept(_body: dict[str, Any], _retries: int) -> BoltResponse:
    return BoltResponse(status=200, body="taken")


@asynccontextmanager
async def listening(host: str = LOCAL, **limits: Any) -> AsyncIterator[Listener]:
    """Run a server with these limits, which accepts each signed request."""
    listener = Listener(host, 0, SECRET, Installation(), shared=False, limits=PortLimits(**limits))
    listener.dispatch = accept
    await listener.listen()
    try:
        yield listener
    finally:
        await listener.close()


def request(body: bytes = BODY, **changes: str) -> bytes:
    """Return a signed request as bytes; an empty value leaves a header out."""
    headers = {
        "Host": "bot",
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": str(len(body)),
    }
    headers |= signature_headers(SECRET, body)
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return f"POST /slack/events HTTP/1.1\r\n{lines}\r\n".encode() + body


class Caller:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hears(self) -> str:
        """Return the head of the answer; empty if the connection was closed without one."""
        async with asyncio.timeout(20):
            try:
                head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
                (length,) = re.findall(r"Content-Length: (\d+)", head)
                await self._reader.readexactly(int(length))
            except (asyncio.IncompleteReadError, ConnectionError):
                return ""
        return head

    async def rest(self) -> bytes:
        """Return everything until the connection is closed."""
        async with asyncio.timeout(20):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""


@asynccontextmanager
async def calling(listener: Listener, host: str = LOCAL) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_connection(host, int(listener.url.rsplit(":", 1)[1]))
    try:
        yield Caller(reader, writer)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "sent", [b"", b"POST /slack/ev", b"POST /slack/events HTTP/1.1\r\nHost: bot\r\nX-A: "]
)
async def test_a_connection_that_sends_no_request_is_closed(sent: bytes) -> None:
    async with listening(request=0.3) as listener:
        began = time.monotonic()
        async with calling(listener) as idle:
            await idle.send(sent)
            await idle.rest()
        assert 0.3 <= time.monotonic() - began < 5


async def test_a_connection_that_is_idle_after_its_request_is_closed() -> None:
    async with listening(request=1.0, idle=2.0) as listener, calling(listener) as caller:
        began = time.monotonic()
        await caller.send(request())
        assert "200 OK" in await caller.hears()
        await caller.rest()
        assert 2.0 <= time.monotonic() - began < 7


@pytest.mark.parametrize("length", ["30", ""], ids=["length", "chunked"])
async def test_a_body_that_does_not_arrive_is_answered_and_closed(length: str) -> None:
    chunked = "" if length else "chunked"
    slow = request(b"", Content_Length=length, Transfer_Encoding=chunked)
    async with listening(request=0.3) as listener, calling(listener) as caller:
        await caller.send(slow + (b"" if length else b"5\r\ntext=\r\n"))
        head = await caller.hears()
        assert "408" in head
        assert "Connection: close" in head
        await caller.rest()


@pytest.mark.parametrize(
    "changes",
    [
        {"X_Slack_Signature": ""},
        {"X_Slack_Timestamp": "", "X_Slack_Signature": "v0=00"},
        {"X_Slack_Signature": "v1=" + "0" * 64},
        {"X_Slack_Request_Timestamp": "yesterday"},
        {"X_Slack_Request_Timestamp": ""},
    ],
    ids=str,
)
async def test_a_request_without_the_form_of_a_signature_is_refused_before_its_body(
    changes: dict[str, str],
) -> None:
    unsent = request(b"", **{"Content_Length": "1000000"} | changes)
    async with listening() as listener, calling(listener) as caller:
        await caller.send(unsent)
        head = await caller.hears()
    assert " 401 " in head
    assert "Connection: close" in head


async def test_a_chunked_body_is_refused_at_its_limit() -> None:
    head = request(b"", Content_Length="", Transfer_Encoding="chunked")
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    async with listening(body=20_000) as listener, calling(listener) as caller:
        await caller.send(head + chunk * 6)
        assert " 413 " in await caller.hears()


async def test_the_oldest_stranger_makes_room_and_slack_stays() -> None:
    async with listening(connections=3) as listener, calling(listener) as slack:
        await slack.send(request())
        assert "200 OK" in await slack.hears()
        async with calling(listener) as first, calling(listener) as second:
            with capture_logs() as lines:
                async with calling(listener) as newest:
                    assert await first.rest() == b""
                    await newest.send(request())
                    assert "200 OK" in await newest.hears()
            await second.send(request())
            assert "200 OK" in await second.hears()
            await slack.send(request())
            assert "200 OK" in (await slack.hears())
    (line,) = [line for line in lines if line["log_level"] == "warning"]
    assert line["event"] == "closed the oldest connection, because strangers reach a limit"
    assert (line["limit"], line["peer"]) == ("connections", LOCAL)


async def test_bodies_of_strangers_share_a_limit_and_the_oldest_is_closed() -> None:
    part = request(b"", Content_Length="60000") + b"x" * 40_000
    async with (
        listening(bodies=100_000) as listener,
        calling(listener) as first,
        calling(listener) as second,
    ):
        for caller in (first, second):
            await caller.send(part)
        async with calling(listener) as third:
            await third.send(part)
            assert await first.rest() == b""
        async with calling(listener) as slack:
            await slack.send(request())
            assert "200 OK" in await slack.hears()
        await second.send(b"x" * 20_000)
        assert " 401 " in await second.hears()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"POST /slack/events HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"GET //[ HTTP/1.1\r\nHost: [\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[:20]),
)
async def test_bytes_that_are_no_request_get_400_and_one_line(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as lines:
        async with listening() as listener, calling(listener) as caller:
            await caller.send(sent)
            head = await caller.hears()
    assert head.startswith(("HTTP/1.1 400 ", "HTTP/1.0 400 ", "HTTP/1.1 404 "))
    assert "Python" not in head
    assert "aiohttp" not in head
    assert caplog.records == []  # aiohttp's own, with tracebacks
    refused = [line for line in lines if line["event"] == "refused bytes that are no HTTP request"]
    assert len(refused) == (" 400 " in head)
    assert all(line["peer"] == LOCAL for line in refused)


async def test_no_answer_names_the_versions_of_its_software() -> None:
    async with listening() as listener, httpx.AsyncClient(base_url=listener.url) as stranger:
        for path in ("/healthz", "/readyz", "/", "/slack/events"):
            assert "Server" not in (await stranger.get(path)).headers


@pytest.mark.parametrize("seconds", [-4000, 4000])
async def test_a_wrong_clock_is_told_apart_from_a_wrong_secret(seconds: int) -> None:
    then = int(time.time()) - seconds
    with capture_logs() as lines:
        async with listening() as listener, httpx.AsyncClient(base_url=listener.url) as slack:
            for secret in (SECRET, "another"):
                headers = signature_headers(secret, BODY, then)
                answer = await slack.post("/slack/events", content=BODY, headers=headers)
                assert answer.status_code == 401
    clock, wrong = [line for line in lines if line["log_level"] == "warning"]
    assert clock["event"].startswith("refused a signed request, because its time")
    assert abs(clock["seconds"] - seconds) < 5
    assert (wrong["event"], wrong["why"], wrong["peer"]) == (
        "refused a request without a valid signature",
        "a wrong signature",
        LOCAL,
    )


async def test_strangers_cannot_fill_the_log() -> None:
    with capture_logs() as lines:
        async with listening() as listener, httpx.AsyncClient(base_url=listener.url) as stranger:
            for _ in range(50):
                await stranger.post("/slack/events", content=b"x")
            headers = signature_headers(SECRET, BODY, 1)
            await stranger.post("/slack/events", content=BODY, headers=headers)
    warnings = [line["event"] for line in lines if line["log_level"] == "warning"]
    assert len(warnings) == 11
    assert "its time is not" in warnings[-1]


@pytest.mark.parametrize("shared", [False, True])
async def test_while_it_starts_a_replica_sends_a_command_on_and_a_single_bot_answers(
    *, shared: bool
) -> None:
    listener = Listener(LOCAL, 0, SECRET, Installation(), shared=shared)
    listener.health.set_problem("start", "the bot opens its database")
    await listener.listen()
    async with httpx.AsyncClient(base_url=listener.url) as slack:
        headers = signature_headers(SECRET, BODY)
        answer = await slack.post("/slack/events", content=BODY, headers=headers)
        unsigned = await slack.post("/slack/events", content=BODY)
    await listener.close()
    assert (answer.status_code, unsigned.status_code) == (503 if shared else 200, 401)
    assert ("nothing was done" in answer.text) != shared


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("[Errno 111] Connect call failed ('10.0.0.1', 5432)", "[Errno 111] Connect call failed …"),
        ('no pg_hba.conf entry for host "db.example.com", user "bot"', 'for host …, user "bot"'),
        ("Multiple exceptions: ('::1', 5432, 0, 0), 10.0.0.1:5432", "exceptions: …, …"),
        ("cannot reach fe80::1 and db.example.com:5432", "cannot reach … and …"),
        ("bot.db was deleted at 12:30 by version 0.1.0", "bot.db was deleted at 12:30 by version"),
    ],
)
async def test_the_page_names_no_hosts(reason: str, shown: str) -> None:
    async with listening() as listener, httpx.AsyncClient(base_url=listener.url) as stranger:
        listener.health.set_problem("database", reason)
        answer = await stranger.get("/readyz")
    assert answer.status_code == 503
    assert shown in answer.json()["reasons"]["database"]
    assert not re.search(r"example|10\.0|::1|5432", answer.text)


@pytest.mark.parametrize("host", ["::", "0.0.0.0", "localhost"])  # noqa: S104
async def test_a_host_serves_its_families(host: str) -> None:
    async with listening(host) as listener:
        for address in ("127.0.0.1", "::1") if host == "::" else ("127.0.0.1",):
            async with calling(listener, address) as caller:
                await caller.send(request())
                assert "200 OK" in await caller.hears()
        async with httpx.AsyncClient() as platform:
            assert (await platform.get(f"{listener.url}/healthz")).status_code == 200


@pytest.mark.parametrize(
    "host", ["x86_64-conda-linux-gnu", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"]
)
async def test_a_host_that_is_no_address_of_this_machine_is_named_in_words(host: str) -> None:
    with pytest.raises(CannotListenError, match="HOST is no address of this machine") as refused:
        async with listening(host):
            pass
    assert not refused.value.taken


async def test_a_taken_port_is_named_as_such() -> None:
    with socket.create_server((LOCAL, 0)) as taken:
        listener = Listener(LOCAL, taken.getsockname()[1], SECRET, Installation(), shared=False)
        with pytest.raises(CannotListenError, match="Address already in use; end the") as refused:
            await listener.listen()
        assert refused.value.taken


async def test_a_fault_of_the_bot_is_not_called_a_bad_request() -> None:
    async def fail(_: web.Request) -> web.Response:
        raise LookupError("no such thing")

    page = web.Application()
    page.router.add_get("/", fail)
    port = Port(page, LOCAL, 0, ("HOST", "PORT"))
    await port.listen()
    try:
        async with httpx.AsyncClient() as http:
            assert (await http.get(port.url)).status_code == 500
    finally:
        await port.close()
