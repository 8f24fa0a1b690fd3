"""The HTTP side: ``/slack/events`` for Slack, ``/healthz`` and ``/readyz`` for the platform."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

from bot.views.notice import unavailable

log = structlog.stdlib.get_logger(__name__)

# Names of parts in the health pages.
DATABASE = "database"  # what this cannot take, it says itself
DRAINING = "draining"
MOST_BODY = 1024 * 1024  # bytes
_TIMESTAMP = re.compile("[0-9]{1,12}")
_RETRIES = re.compile("[0-9]{1,4}")
Dispatch = Callable[[dict[str, Any], int], Awaitable[BoltResponse]]  # the body, Slack's retries


class Health:
    """Whether the bot takes work, and each reason against it in words.

    Args:
        look: brings the reasons up to date, just before they are read.

    Attributes:
        warnings: what an operator should know, though the bot takes work; by part.
    """

    def __init__(self, look: Callable[[], object] = lambda: None) -> None:
        self.warnings: dict[str, str] = {}
        self._look = look
        self._reasons: dict[str, str] = {}
        self._ready = asyncio.Event()
        self._ready.set()

    def look(self) -> None:
        """Bring the reasons up to date."""
        self._look()

    def set_problem(self, part: str, reason: str) -> None:
        """Record why a part of the bot cannot take work."""
        self._reasons[part] = reason
        self._ready.clear()

    def clear_problem(self, part: str) -> None:
        """Record that a part is not, or no longer, in the way."""
        self._reasons.pop(part, None)
        if not self._reasons:
            self._ready.set()

    def reasons(self) -> dict[str, str]:
        """Return why the bot is not ready, by part; empty when it is."""
        return dict(self._reasons)

    async def ready(self) -> None:
        """Wait until the bot takes work."""
        await self._ready.wait()


def read_body(text: str, content_type: str) -> dict[str, Any]:
    """Read what Slack sends: JSON, a form, or a form with JSON in its field ``payload``.

    Bolt's own reader mistakes any form that contains "payload" for the last kind, and drops its
    fields.

    Raises:
        ValueError: it is none of these.
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
        health: what the health pages tell.
        verifier: checks Slack's signatures; None in Socket Mode, where Slack calls nobody.
        dispatch: hands a body that Slack did sign to Bolt.
        shared: a replica that ends takes things on as long as it listens, for the others to do.
    """
    server = web.Application(client_max_size=MOST_BODY)
    pages = _Health(health)
    server.router.add_get("/healthz", pages.healthz)
    server.router.add_get("/readyz", pages.readyz)
    if verifier is not None:
        tolerated = frozenset({DATABASE, DRAINING} if shared else {DATABASE})
        events = _Events(health, verifier, dispatch, tolerated)
        server.router.add_post("/slack/events", events.handle)
    return server


@dataclass(frozen=True, slots=True)
class _Health:
    health: Health

    async def healthz(self, _: web.Request) -> web.Response:
        """The process lives and its event loop turns."""
        return web.json_response({"ok": True})

    async def readyz(self, _: web.Request) -> web.Response:
        """The bot can take work, or why it cannot."""
        self.health.look()
        reasons = self.health.reasons()
        answer = {"ready": not reasons, "reasons": reasons, "warnings": self.health.warnings}
        return web.json_response(answer, status=503 if reasons else 200)


@dataclass(frozen=True, slots=True)
class _Events:
    """Everything from Slack in HTTP mode.

    https://docs.slack.dev/authentication/verifying-requests-from-slack

    Attributes:
        may_be: the parts that may be unwell while things are taken on.
    """

    health: Health
    verifier: SignatureVerifier
    dispatch: Dispatch
    tolerated: frozenset[str]

    async def handle(self, request: web.Request) -> web.Response:
        """Check the signature before anything is read, then let Bolt answer."""
        body = await request.read()
        try:
            text = body.decode()
            if not self._signed(request, text):
                log.warning("refused a request that Slack did not sign", bytes=len(body))
                return web.json_response({"error": "not signed by Slack"}, status=401)
            read = read_body(text, request.content_type)
        except (ValueError, RecursionError) as error:
            return _unreadable(error)
        if self.health.reasons().keys() - self.tolerated:
            # A person who typed a command sees these words; everything else is told to come back.
            answer = unavailable().payload() if "command" in read else {"error": "unavailable"}
            return web.json_response(answer, status=200 if "command" in read else 503)
        try:
            response = await self.dispatch(read, _retries(request))
        except (AttributeError, LookupError, TypeError) as error:
            # Bolt's readers take for granted what every request of Slack's has.
            return _unreadable(error)
        return await to_aiohttp_response(response)

    def _signed(self, request: web.Request, body: str) -> bool:
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        # The verifier fails on what no sender of Slack's would send.
        if not (_TIMESTAMP.fullmatch(timestamp) and signature.isascii()):
            return False
        return self.verifier.is_valid(body=body, timestamp=timestamp, signature=signature)


def _retries(request: web.Request) -> int:
    retries = request.headers.get("X-Slack-Retry-Num", "0")
    return int(retries) if _RETRIES.fullmatch(retries) else 0


def _unreadable(error: Exception) -> web.Response:
    log.warning("refused a body that cannot be read", error=type(error).__name__)
    return web.json_response({"error": "unreadable body"}, status=400)
