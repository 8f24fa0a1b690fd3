"""The HTTP server: ``/slack/events`` for Slack, and the health pages for the platform."""

import asyncio
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.response import BoltResponse

from bot.server.guard import Connection, Guard
from bot.server.health import DATABASE, TOKEN, Health, HealthPages
from bot.server.pace import Pace
from bot.server.replays import Replays
from bot.views.installation import Installation
from bot.views.notice import unavailable

log = structlog.stdlib.get_logger(__name__)

_TIMESTAMP = re.compile("[0-9]{1,12}")
_SIGNATURE = re.compile("v0=[0-9a-f]{64}")
_TOLERATED = 300  # seconds between the clocks of Slack and the bot; Slack advises it
_RETRIES = re.compile("[0-9]{1,4}")
Dispatch = Callable[[dict[str, Any], int], Awaitable[BoltResponse]]  # the body, Slack's retries


def read_body(text: str, content_type: str) -> dict[str, Any]:
    """Return Slack's payload from JSON, a form, or a form with JSON in its field ``payload``.

    Bolt's own reader mistakes each form that contains "payload" for the last kind, and drops the
    fields.

    Raises:
        ValueError: the body has another form.
    """
    if content_type == "application/json":
        read = json.loads(text)
    else:
        form = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True))
        read = json.loads(form["payload"]) if "payload" in form else form
    if not isinstance(read, dict) or not read:
        raise ValueError("not an object, or an empty one")
    return read


def build_server(  # noqa: PLR0913 - its parts
    health: Health,
    secret: str | None,
    dispatch: Dispatch,
    guard: Guard,
    installation: Installation,
    *,
    shared: bool = False,
) -> web.Application:
    """Build the web application.

    Args:
        health: the health pages show it.
        secret: Slack's signing secret; None in Socket Mode, which has no ``/slack/events``.
        dispatch: passes a payload with a valid signature to Bolt.
        guard: limits the bodies, and gets to know which connections are Slack's.
        installation: the person to ask, for the words while the bot takes nothing.
        shared: other replicas use the same database. A replica that starts or drains then answers
            503, so that the balancer sends the request to the next one; a single bot answers a
            command in words.
    """
    server = web.Application()
    pages = HealthPages(health)
    server.router.add_get("/healthz", pages.healthz)
    server.router.add_get("/readyz", pages.readyz)
    if secret is not None:
        events = _Events(
            health, secret.encode(), dispatch, guard, installation, shared, Pace(), Pace()
        )
        server.router.add_post("/slack/events", events.handle)
    return server


class _UnreadError(Exception):
    """A body did not arrive; the attribute is the status of the answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Events:
    """The handler of ``/slack/events``.

    https://docs.slack.dev/authentication/verifying-requests-from-slack

    Attributes:
        installation, shared: see `build_server`.
        pace: limits the log lines about requests that Slack did not sign.
        clock_pace: limits the log lines about the clock, which are rare and more important.
        replays: the requests that were seen before.
    """

    health: Health
    secret: bytes = field(repr=False)
    dispatch: Dispatch
    guard: Guard
    installation: Installation
    shared: bool
    pace: Pace
    clock_pace: Pace
    replays: Replays = field(default_factory=Replays)

    async def handle(self, request: web.Request) -> web.Response:
        """Check the signature, parse the body, and return the response of Bolt."""
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if not (_TIMESTAMP.fullmatch(timestamp) and _SIGNATURE.fullmatch(signature)):
            return self._unsigned(request, "no signature")
        try:
            body = await self._read(request)
        except _UnreadError as error:
            return self._unreadable(request, error, error.status)
        if not self._signed(body, timestamp, signature):
            return self._unsigned(request, "a wrong signature")
        if abs(late := int(time.time()) - int(timestamp)) > _TOLERATED:
            return self._wrong_clock(request, late)
        self._proved(request)
        try:
            read = read_body(body.decode(), request.content_type)
        except (ValueError, RecursionError) as error:
            return self._unreadable(request, error)
        if self.health.reasons().keys() - {DATABASE}:  # without it, the listeners answer in words
            return self._unavailable(read)

        async def act() -> BoltResponse:
            return await self.dispatch(read, _retries(request))

        if read.get("type") == "block_suggestion":
            # It only reads, and the same letters typed twice in a second have one signature.
            return await to_aiohttp_response(await act())
        response = await self.replays.answer(signature, int(timestamp), act)
        return await to_aiohttp_response(response)

    async def _read(self, request: web.Request) -> bytes:
        """Return the body; its bytes count until it is complete.

        Raises:
            _UnreadError: it is too large, too slow, or malformed.
        """
        body = bytearray()
        try:
            await self._fill(body, request)
            return bytes(body)
        finally:
            body.clear()  # the traceback of an error keeps the frame until a garbage collection

    async def _fill(self, body: bytearray, request: web.Request) -> None:
        limits, connection = self.guard.limits, request.protocol
        if (request.content_length or 0) > limits.body:
            raise _UnreadError(413, "too large")
        try:
            async with asyncio.timeout(limits.request):
                while chunk := await request.content.readany():
                    body += chunk
                    if len(body) > limits.body:
                        raise _UnreadError(413, "too large")
                    if isinstance(connection, Connection):
                        self.guard.body_grew(connection, len(chunk))
        except TimeoutError:
            raise _UnreadError(408, "too slow") from None
        except (web.RequestPayloadError, OSError) as error:
            error.__traceback__ = None  # aiohttp keeps the error, and it would keep the body
            raise _UnreadError(400, type(error).__name__) from None
        finally:
            if isinstance(connection, Connection):
                self.guard.body_ended(connection)

    def _signed(self, body: bytes, timestamp: str, signature: str) -> bool:
        """Return whether the signature holds, whatever the clock says."""
        signed = b"v0:" + timestamp.encode() + b":" + body
        expected = hmac.new(self.secret, signed, "sha256").hexdigest()
        return hmac.compare_digest(f"v0={expected}", signature)

    def _proved(self, request: web.Request) -> None:
        if isinstance(request.protocol, Connection):
            self.guard.proved(request.protocol)

    def _unavailable(self, read: dict[str, Any]) -> web.Response:
        """Return the answer while the bot starts or stops, or Slack refuses its token.

        A balancer tries the next replica after a 503. Without another replica, a command gets a
        message for the person; Slack retries everything else.
        """
        if "command" in read and not self.shared:
            refused = TOKEN in self.health.reasons()
            return web.json_response(
                unavailable(self.installation, token_refused=refused).payload()
            )
        return web.json_response({"error": "unavailable"}, status=503)

    def _unsigned(self, request: web.Request, why: str) -> web.Response:
        if (more := self.pace.more()) is not None:
            log.warning(
                "refused a request without a valid signature",
                why=why,
                peer=request.remote,
                bytes=request.content_length,
                more=more,
            )
        return _closing({"error": "not signed by Slack"}, 401)

    def _wrong_clock(self, request: web.Request, late: int) -> web.Response:
        if (more := self.clock_pace.more()) is not None:
            log.warning(
                "refused a signed request, because its time is not this machine's",
                seconds=late,
                peer=request.remote,
                more=more,
            )
        return _closing({"error": "too old, or from the future"}, 401)

    def _unreadable(
        self, request: web.Request, error: Exception, status: int = 400
    ) -> web.Response:
        why = str(error) if isinstance(error, _UnreadError) else type(error).__name__
        if (more := self.pace.more()) is not None:
            log.warning("refused an unreadable body", error=why, peer=request.remote, more=more)
        return _closing({"error": "unreadable body"}, status)


def _retries(request: web.Request) -> int:
    retries = request.headers.get("X-Slack-Retry-Num", "0")
    return int(retries) if _RETRIES.fullmatch(retries) else 0


def _closing(answer: dict[str, str], status: int) -> web.Response:
    """Return an answer after which the connection is closed; its body might be unread."""
    response = web.json_response(answer, status=status)
    response.force_close()
    return response
