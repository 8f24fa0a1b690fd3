"""The other way in: a web socket that the bot opens to Slack.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import logging
import time
from dataclasses import dataclass

import structlog
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.server.http import Dispatch, Health
from bot.slack.message import SlackCallFailed
from bot.slack.web_api import AUTH_ERRORS, call_slack

log = structlog.stdlib.get_logger(__name__)

CHECK_EVERY = 0.25  # seconds
SOCKET = "socket"  # this part's name in the health pages


class SocketDownError(Exception):
    """The socket cannot be had; the text says why, for an operator."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the socket is tried, in seconds.

    Attributes:
        ping: between pings, and between attempts to connect.
        patience: that the socket may be down before the process gives up.
    """

    ping: float = 5.0
    notify_if_slow: float = 120.0


class SocketMode:
    """Keep a socket to Slack open, and hand what comes down it to Bolt.

    Args:
        app_token: opens the socket (``xapp-…``).
        client: Slack's Web API.
        dispatch: hands a body to Bolt.
        health: hears whether the socket is connected.
        pace: how often to try, and for how long.
    """

    def __init__(
        self,
        app_token: str,
        client: AsyncWebClient,
        dispatch: Dispatch,
        health: Health,
        pace: Pace | None = None,
    ) -> None:
        self._dispatch = dispatch
        self._health = health
        self._pace = pace or Pace()
        self._client = _Client(
            app_token,
            logger=_quiet_logger(),
            web_client=client,
            ping_interval=self._pace.ping,
        )
        self._client.socket_mode_request_listeners.append(self._handle)
        self._connecting: asyncio.Task[None] | None = None
        health.set_problem(SOCKET, "the socket to Slack is not connected yet")

    async def keep_open(self) -> None:
        """Connect, reconnect for as long as it takes, and tell ``health``.

        Raises:
            SocketDownError: Slack refuses the app token, or the socket stays down.
        """
        self._connecting = asyncio.create_task(self._client.connect())  # type: ignore[no-untyped-call] # slack_sdk's
        down_since = time.monotonic()
        while True:
            if self._client.refused is not None:
                why = f"Slack refuses SLACK_APP_TOKEN ({self._client.refused})"
                raise SocketDownError(why)
            if await self._client.is_connected():
                down_since = time.monotonic()
                self._tell(connected=True)
            else:
                self._tell(connected=False)
            if time.monotonic() - down_since > self._pace.notify_if_slow:
                why = f"the socket to Slack has been down for {self._pace.notify_if_slow:g} seconds"
                raise SocketDownError(why)
            await asyncio.sleep(CHECK_EVERY)

    async def close(self) -> None:
        """Close the socket for good; Slack sends what follows to other connections."""
        if self._connecting is not None:
            self._connecting.cancel()
        await self._client.close()  # type: ignore[no-untyped-call] # slack_sdk's

    def _tell(self, *, connected: bool) -> None:
        if connected == (SOCKET not in self._health.reasons()):
            return
        if connected:
            log.info("the socket to Slack is connected")
            self._health.clear_problem(SOCKET)
        else:
            log.warning("the socket to Slack is not connected")
            self._health.set_problem(SOCKET, "the socket to Slack is not connected")

    async def _handle(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """Let Bolt answer an envelope."""
        started = time.time()
        response = await self._dispatch(request.payload, request.retry_attempt or 0)
        await send_async_response(client, request, response, started)


class _Client(SocketModeClient):
    """Slack's own client, which would try a refused token again for ever without a word."""

    refused: str | None = None

    async def issue_new_wss_url(self) -> str:
        try:
            answer = await call_slack(
                lambda: self.web_client.apps_connections_open(app_token=self.app_token),
                idempotent=True,
            )
        except SlackCallFailed as error:
            if error.error in AUTH_ERRORS:
                self.refused = error.error
            raise
        url: str = answer["url"]
        return url


def _quiet_logger() -> logging.Logger:
    """Log the client's troubles a line each: it would add a traceback to every failed attempt."""

    def without_traceback(record: logging.LogRecord) -> bool:
        record.exc_info = None
        return record.levelno >= logging.WARNING

    logger = logging.getLogger(f"{__name__}.client")
    logger.filters[:] = [without_traceback]
    return logger
