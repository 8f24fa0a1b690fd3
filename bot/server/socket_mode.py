"""Socket Mode: requests arrive on a web socket that the bot opens to Slack.

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

from bot.proxies import proxy_of
from bot.server.health import SOCKET, Health
from bot.server.http import Dispatch
from bot.slack.message import SlackCallFailed
from bot.slack.web_api import AUTH_ERRORS, call_slack

log = structlog.stdlib.get_logger(__name__)

CHECK_EVERY = 0.25  # seconds


class SocketDownError(Exception):
    """The socket does not connect; the text names the reason for an operator."""


@dataclass(frozen=True, slots=True)
class SocketTiming:
    """The timing of the socket, in seconds.

    Attributes:
        ping: between two pings, and between two attempts to connect.
        longest_outage: the process ends if the socket is down for longer.
    """

    ping: float = 5.0
    longest_outage: float = 120.0


class SocketMode:
    """Keep a socket to Slack open, and pass its requests to Bolt.

    Args:
        app_token: opens the socket (``xapp-…``).
        client: the client of Slack's Web API.
        dispatch: passes a payload to Bolt.
        health: gets a problem while the socket is down.
        timing: the timing of the socket.
    """

    def __init__(
        self,
        app_token: str,
        client: AsyncWebClient,
        dispatch: Dispatch,
        health: Health,
        timing: SocketTiming | None = None,
    ) -> None:
        self._dispatch = dispatch
        self._health = health
        self._timing = timing or SocketTiming()
        self._client = _Client(
            app_token,
            logger=_quiet_logger(),
            web_client=client,
            ping_interval=self._timing.ping,
        )
        self._client.socket_mode_request_listeners.append(self._handle)
        self._connecting: asyncio.Task[None] | None = None
        health.set_problem(SOCKET, "the socket to Slack is not connected yet")

    async def keep_open(self) -> None:
        """Connect, reconnect after each break, and keep ``health`` up to date.

        Raises:
            SocketDownError: Slack refuses the app token, or the socket stays down.
        """
        self._connecting = asyncio.create_task(self._client.connect())  # type: ignore[no-untyped-call] # slack_sdk's
        down_since = time.monotonic()
        while True:
            if self._client.refused is not None:
                cure = "Create an app-level token with connections:write under Basic Information"
                why = f"Slack refuses SLACK_APP_TOKEN ({self._client.refused}). {cure}"
                raise SocketDownError(why)
            if await self._client.is_connected():
                down_since = time.monotonic()
                self._report(connected=True)
            else:
                self._report(connected=False)
            if time.monotonic() - down_since > self._timing.longest_outage:
                why = (
                    f"the socket to Slack has been down for {self._timing.longest_outage:g} seconds"
                )
                raise SocketDownError(why)
            await asyncio.sleep(CHECK_EVERY)

    async def close(self) -> None:
        """Close the socket; Slack sends later requests to other connections."""
        if self._connecting is not None:
            self._connecting.cancel()
        await self._client.close()  # type: ignore[no-untyped-call] # slack_sdk's

    def _report(self, *, connected: bool) -> None:
        if connected == (SOCKET not in self._health.reasons()):
            return
        if connected:
            log.info("the socket to Slack is connected")
            self._health.clear_problem(SOCKET)
        else:
            log.warning("the socket to Slack is not connected")
            self._health.set_problem(SOCKET, "the socket to Slack is not connected")

    async def _handle(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """Send Bolt's response to a request."""
        started = time.time()
        response = await self._dispatch(request.payload, request.retry_attempt or 0)
        await send_async_response(client, request, response, started)


class _Client(SocketModeClient):
    """Slack's own client, which by itself retries a refused token without end or log line."""

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
        self.proxy = proxy_of(url)  # slack_sdk ignores NO_PROXY
        return url


def _quiet_logger() -> logging.Logger:
    """Return a logger without tracebacks: the client logs one for each failed attempt."""

    def without_traceback(record: logging.LogRecord) -> bool:
        record.exc_info = None
        return record.levelno >= logging.WARNING

    logger = logging.getLogger(f"{__name__}.client")
    logger.filters[:] = [without_traceback]
    return logger
