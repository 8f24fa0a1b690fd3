"""The HTTP server: ``/slack/events`` for Slack, and the health pages for the platform."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

from bot.server.health import DATABASE, DRAINING, Health, HealthPages
from bot.server.replays import Replays
from bot.views.notice import unavailable

log = structlog.stdlib.get_logger(__name__)

MOST_BODY = 1024 * 1024  # bytes
_TIMESTAMP = re.compile("[0-9]{1,12}")
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


def build_server(
    health: Health, verifier: SignatureVerifier | None, dispatch: Dispatch, *, shared: bool = False
) -> web.Application:
    """Build the web application.

    Args:
        health: the health pages show it.
        verifier: checks Slack's signatures; None in Socket Mode, which has no ``/slack/events``.
        dispatch: passes a payload with a valid signature to Bolt.
        shared: other replicas use the same database, so a replica that drains still accepts
            requests, and the others run the tasks.
    """
    server = web.Application(client_max_size=MOST_BODY)
    pages = HealthPages(health)
    server.router.add_get("/healthz", pages.healthz)
    server.router.add_get("/readyz", pages.readyz)
    if verifier is not None:
        tolerated = frozenset({DATABASE, DRAINING} if shared else {DATABASE})
        events = _Events(health, verifier, dispatch, tolerated)
        server.router.add_post("/slack/events", events.handle)
    return server


@dataclass(frozen=True, slots=True)
class _Events:
    """The handler of ``/slack/events``.

    https://docs.slack.dev/authentication/verifying-requests-from-slack

    Attributes:
        tolerated: parts; with a problem of one of these the bot still accepts requests.
        replays: the requests that were seen before.
    """

    health: Health
    verifier: SignatureVerifier
    dispatch: Dispatch
    tolerated: frozenset[str]
    replays: Replays = field(default_factory=Replays)

    async def handle(self, request: web.Request) -> web.Response:
        """Check the signature, parse the body, and return the response of Bolt."""
        body = await request.read()
        try:
            text = body.decode()
            if not self._signed(request, text):
                log.warning("refused a request without a valid signature", bytes=len(body))
                return web.json_response({"error": "not signed by Slack"}, status=401)
            read = read_body(text, request.content_type)
        except (ValueError, RecursionError) as error:
            return _unreadable(error)
        if self.health.reasons().keys() - self.tolerated:
            # A command gets a message for the person; Slack retries everything else.
            answer = unavailable().payload() if "command" in read else {"error": "unavailable"}
            return web.json_response(answer, status=200 if "command" in read else 503)

        async def act() -> BoltResponse:
            return await self.dispatch(read, _retries(request))

        signed = request.headers
        timestamp = int(signed["X-Slack-Request-Timestamp"])
        response = await self.replays.answer(signed["X-Slack-Signature"], timestamp, act)
        return await to_aiohttp_response(response)

    def _signed(self, request: web.Request, body: str) -> bool:
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        # On other values the verifier raises; Slack sends none of them.
        if not (_TIMESTAMP.fullmatch(timestamp) and signature.isascii()):
            return False
        return self.verifier.is_valid(body=body, timestamp=timestamp, signature=signature)


def _retries(request: web.Request) -> int:
    retries = request.headers.get("X-Slack-Retry-Num", "0")
    return int(retries) if _RETRIES.fullmatch(retries) else 0


def _unreadable(error: Exception) -> web.Response:
    log.warning("refused an unreadable body", error=type(error).__name__)
    return web.json_response({"error": "unreadable body"}, status=400)
