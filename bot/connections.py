"""The only place that opens and closes connections to other servers."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.request import getproxies

import aiohttp
from yarl import URL

from bot import __version__
from bot.baseten.client import Baseten
from bot.baseten.endpoints import endpoint_of
from bot.baseten.guard import GuardedTransport, Throttle
from bot.baseten.transport import AiohttpTransport
from bot.circuit import PATIENCE, Circuit
from bot.settings import Settings
from bot.slack.client import SlackClient, TokenWatch
from bot.slack.methods import is_refusal, method_of
from bot.slack.outgoing import PauseWhileFailing, RefuseRedirects, SlackHostsOnly
from bot.telemetry.observer import Observer, open_observer
from bot.telemetry.redaction import Redactor

_SLACK_TIMEOUT = 10.0  # seconds for one call
_CONNECT_TIMEOUT = 5.0  # seconds of these for a connection, the wait for a free one included
_CONNECTIONS = 128  # to Slack, and the same to Baseten; a process can open about 1,000 files
_KEEP_ALIVE = (
    20.0  # seconds; a post on a connection that the server has closed has an unknown outcome
)


@dataclass(frozen=True, slots=True)
class Connections:
    """The clients of Slack and Baseten, the redactor, the watch of the token, the observer."""

    session: aiohttp.ClientSession
    slack: SlackClient
    baseten: Baseten
    redactor: Redactor
    token: TokenWatch
    observer: Observer = field(default_factory=Observer)


@asynccontextmanager
async def connections(settings: Settings) -> AsyncIterator[Connections]:
    """Open a session for Slack and one for Baseten on the same connector; close both at the end."""
    async with AsyncExitStack() as stack:
        redactor = Redactor(settings.secrets)
        observer = await stack.enter_async_context(
            open_observer(__version__, redactor, metrics=settings.metrics_port is not None)
        )
        connector = aiohttp.TCPConnector(
            limit=0, limit_per_host=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE
        )
        api_url = URL(f"{settings.slack_api_url}".rstrip("/") + "/")
        to_slack, to_baseten = _observed(observer, api_url.raw_path)
        for_slack: _Middlewares = (
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
            for middlewares in ((*for_slack, *to_slack), to_baseten)
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
        yield Connections(session, slack, baseten, redactor, slack.watch, observer)


_Middlewares = tuple[aiohttp.ClientMiddlewareType, ...]
_STATUSES = frozenset(HTTPStatus)


def _observed(observer: Observer, api: str) -> tuple[_Middlewares, _Middlewares]:
    """Return the middlewares that record each request to Slack, and to Baseten; none if unwanted.

    Args:
        observer: receives the requests.
        api: the path of Slack's Web API.
    """
    if observer == Observer():
        return (), ()

    async def to_slack(
        request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        with observer.call("slack", method_of(request.url.raw_path, api)) as call:
            answer = await send(request)
            body = await answer.read()  # the caller reads it again, from memory
            call.status = _status(answer)
            if answer.status == HTTPStatus.OK:
                call.status = "error" if is_refusal(body) else "ok"
            return answer

    async def to_baseten(
        request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        with observer.call("baseten", endpoint_of(request.method, request.url.raw_path)) as call:
            answer = await send(request)  # the transport reads the body, up to its limit
            call.status = _status(answer)
            return answer

    return (to_slack,), (to_baseten,)


def _status(answer: aiohttp.ClientResponse) -> str:
    """Return the HTTP status, or ``other`` for one that no standard names."""
    return str(answer.status) if answer.status in _STATUSES else "other"
