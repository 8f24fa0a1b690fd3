"""The only place that opens and closes connections to other servers."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.request import getproxies

import aiohttp
from yarl import URL

from bot.baseten.client import Baseten
from bot.baseten.guard import GuardedTransport, Throttle
from bot.baseten.transport import AiohttpTransport
from bot.circuit import PATIENCE, Circuit
from bot.settings import Settings
from bot.slack.client import SlackClient, TokenWatch
from bot.slack.outgoing import PauseWhileFailing, RefuseRedirects, SlackHostsOnly
from bot.telemetry.redaction import Redactor

_SLACK_TIMEOUT = 10.0  # seconds for one call
_CONNECT_TIMEOUT = 5.0  # seconds of these for a connection, the wait for a free one included
_CONNECTIONS = 128  # to Slack, and the same to Baseten; a process can open about 1,000 files
_KEEP_ALIVE = (
    20.0  # seconds; a post on a connection that the server has closed has an unknown outcome
)


@dataclass(frozen=True, slots=True)
class Connections:
    """The clients of Slack and Baseten, the redactor of the secrets, and the watch of the token."""

    session: aiohttp.ClientSession
    slack: SlackClient
    baseten: Baseten
    redactor: Redactor
    token: TokenWatch


@asynccontextmanager
async def connections(settings: Settings) -> AsyncIterator[Connections]:
    """Open a session for Slack and one for Baseten on the same connector; close both at the end."""
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(
            limit=0, limit_per_host=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE
        )
        api_url = URL(f"{settings.slack_api_url}".rstrip("/") + "/")
        for_slack = (
            SlackHostsOnly(api_url),
            RefuseRedirects(),
            PauseWhileFailing(api_url.raw_path),
        )
        session, for_baseten = [
            await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=_SLACK_TIMEOUT, connect=_CONNECT_TIMEOUT),
                    middlewares=middlewares,
                    # Only with a proxy: aiohttp then searches for .netrc on every request.
                    trust_env=bool(getproxies()),
                )
            )
            for middlewares in (for_slack, ())
        ]
        slack = SlackClient(
            token=settings.slack_bot_token.get_secret_value(),
            base_url=str(api_url),
            session=session,
            retry_handlers=[],  # bot.slack.web_api repeats the idempotent calls
            # Without a level the client's own logger formats a debug line for each call.
            logger=logging.getLogger("slack_sdk"),
        )
        slack.proxy = None  # slack_sdk ignores NO_PROXY; the session, with trust_env, obeys it
        slack.watch = TokenWatch()
        redactor = Redactor(settings.secrets)
        patience = 0.9 * settings.baseten_timeout  # of a caller that still waits for the answer
        baseten = Baseten(
            GuardedTransport(
                AiohttpTransport(for_baseten),
                Throttle(settings.baseten_per_second),
                Circuit("Baseten", min(PATIENCE, patience)),
            ),
            str(settings.baseten_api_url),
            settings.baseten_api_key.get_secret_value(),
            settings.baseten_timeout,
            redactor,
        )
        yield Connections(session, slack, baseten, redactor, slack.watch)
