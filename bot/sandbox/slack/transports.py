"""The two transports to the bot: signed HTTP requests and web sockets."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
from aiohttp import web

from bot.sandbox.faults import Json
from bot.sandbox.slack.records import APP_ID, BotUnreachableError

CLOSING_GRACE: Final = 0.2  # seconds for a client to close its side


@dataclass(frozen=True, slots=True)
class OutgoingPayload:
    """A payload on its way to the bot.

    Attributes:
        kind: `slash_commands`, `interactive` or `events_api`, as Socket Mode calls them.
        payload: its content.
        retries: how many times Slack has sent it before.
    """

    kind: str
    payload: dict[str, Json]
    retries: int = 0

    def encode(self) -> tuple[str, bytes]:
        """The content type and the body of its HTTP request."""
        if self.kind == "events_api":
            return "application/json", json.dumps(self.payload).encode()
        fields = self.payload
        if self.kind == "interactive":
            fields = {"payload": json.dumps(self.payload)}
        return "application/x-www-form-urlencoded", urlencode(fields).encode()


@dataclass(frozen=True, slots=True)
class Ack:
    """The bot's answer to a delivery."""

    status: int
    body: Json
    seconds: float


def signature_headers(secret: str, body: bytes, timestamp: int | None = None) -> dict[str, str]:
    """Return Slack's signature headers for a body; the timestamp is in epoch seconds."""
    moment = str(int(time.time()) if timestamp is None else timestamp)
    signed = b":".join([b"v0", moment.encode(), body])
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": moment, "X-Slack-Signature": f"v0={digest}"}


async def post(
    session: aiohttp.ClientSession, bot_url: str, signing_secret: str, outgoing: OutgoingPayload
) -> Ack:
    """POST a payload to the bot, with Slack's signature.

    Raises:
        BotUnreachableError: nobody listens at the address, or the connection broke.
        TimeoutError: no answer within the session's time.
    """
    content_type, body = outgoing.encode()
    url = f"{bot_url.rstrip('/')}/slack/events"
    headers = {
        "Content-Type": content_type,
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        **signature_headers(signing_secret, body),
    }
    if outgoing.retries:
        headers["X-Slack-Retry-Num"] = str(outgoing.retries)
    begin = time.monotonic()
    try:
        async with session.post(url, data=body, headers=headers) as response:
            text = await response.text()
            seconds = time.monotonic() - begin
    except aiohttp.ClientError as error:
        unreachable = f"the bot did not answer at {url}: {error!r}"
        raise BotUnreachableError(unreachable) from error
    is_json = response.content_type == "application/json" and text
    return Ack(response.status, json.loads(text) if is_json else text, seconds)


@dataclass(slots=True, eq=False)
class _Socket:
    """A connected web socket, and the envelopes on it that wait for their acks."""

    web_socket: web.WebSocketResponse
    request: web.Request
    waiting: dict[str, asyncio.Future[Json]] = field(default_factory=dict)

    def leave(self) -> None:
        """Fail the deliveries that wait for an ack."""
        for ack in self.waiting.values():
            if not ack.done():
                ack.set_exception(BotUnreachableError("the web socket closed before the ack"))


@dataclass(slots=True)
class Sockets:
    """The web sockets of Socket Mode.

    Attributes:
        changed: called after each connect and disconnect.
        connected: the sockets that take deliveries; the first one gets the next delivery.
    """

    changed: Callable[[], None]
    connected: list[_Socket] = field(default_factory=list)
    _leaving: list[_Socket] = field(default_factory=list)
    _tickets: set[str] = field(default_factory=set)

    def new_ticket(self) -> str:
        """Return a ticket that opens one web socket."""
        ticket = uuid4().hex
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Send the hello message on a new web socket, and read its acks until it closes."""
        if request.query.get("ticket") not in self._tickets:
            return web.Response(status=403, text="invalid_ticket")
        self._tickets.remove(request.query["ticket"])
        web_socket = web.WebSocketResponse(timeout=CLOSING_GRACE)
        await web_socket.prepare(request)
        socket = _Socket(web_socket, request)
        self.connected.append(socket)
        await web_socket.send_json(self._hello())
        self.changed()
        try:
            async for message in web_socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    _take_ack(socket, message.data)
        finally:
            self._forget(socket)
        return web_socket

    async def deliver(self, outgoing: OutgoingPayload, seconds: float) -> Ack:
        """Send a payload down one of the web sockets, and return its ack.

        Raises:
            BotUnreachableError: none is connected, or it closed before the ack.
            TimeoutError: no ack within `seconds`.
        """
        if not self.connected:
            alone = "no web socket is connected, and SandboxSlack.bot_url is None"
            raise BotUnreachableError(alone)
        socket = self.connected.pop(0)
        self.connected.append(socket)
        envelope_id = str(uuid4())
        ack = socket.waiting[envelope_id] = asyncio.get_running_loop().create_future()
        envelope = {
            "envelope_id": envelope_id,
            "type": outgoing.kind,
            "accepts_response_payload": outgoing.kind != "events_api",
            "payload": outgoing.payload,
            "retry_attempt": outgoing.retries,
        }
        begin = time.monotonic()
        try:
            await socket.web_socket.send_json(envelope)
            body = await asyncio.wait_for(ack, seconds)
        except ConnectionResetError as error:
            gone = "the web socket closed before the delivery"
            raise BotUnreachableError(gone) from error
        finally:
            del socket.waiting[envelope_id]
        return Ack(200, body, time.monotonic() - begin)

    async def disconnect(self, *, politely: bool) -> None:
        """Ask the clients of all web sockets to reconnect, or cut their connections."""
        leaving, self.connected = self.connected, []
        self._leaving.extend(leaving)
        self.changed()
        for socket in leaving:
            if politely:
                farewell = {"reason": "refresh_requested", "debug_info": {"host": "sandbox"}}
                # A socket that has just closed needs no message.
                with contextlib.suppress(ConnectionResetError):
                    await socket.web_socket.send_json({"type": "disconnect", **farewell})
            elif socket.request.transport is not None:
                socket.request.transport.abort()

    async def close(self) -> None:
        """Close all web sockets at the end of the server."""
        for socket in [*self.connected, *self._leaving]:
            await socket.web_socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)

    def _hello(self) -> dict[str, Json]:
        return {
            "type": "hello",
            "num_connections": len(self.connected),
            "connection_info": {"app_id": APP_ID},
            "debug_info": {"host": "sandbox", "approximate_connection_time": 18_060},
        }

    def _forget(self, socket: _Socket) -> None:
        for sockets in (self.connected, self._leaving):
            if socket in sockets:
                sockets.remove(socket)
        socket.leave()
        self.changed()


def _take_ack(socket: _Socket, data: str) -> None:
    """Pass an ack to the delivery that waits for it. Like Slack, ignore everything else."""
    try:
        envelope = json.loads(data)
    except ValueError:
        return
    waiting = socket.waiting.get(envelope.get("envelope_id", ""))
    if waiting is not None and not waiting.done():
        waiting.set_result(envelope.get("payload") or "")
