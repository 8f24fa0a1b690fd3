"""Wiring: builds the parts, opens their connections, starts and ends them in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import getproxies

import aiohttp
import httpx
import stamina
import structlog
from aiohttp import web
from httpx_aiohttp import AiohttpTransport
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.baseten.client import Baseten
from bot.listeners import register
from bot.listeners.desk import Desk
from bot.listeners.failures import Failures
from bot.message import NotTakenError
from bot.modals import Modals
from bot.posting import Poster
from bot.projects import Projects
from bot.recents import Recents
from bot.redaction import Redactor
from bot.server import Health, build_server
from bot.settings import Settings
from bot.slack_calls import REFUSALS, taken
from bot.socket_mode import SocketDownError, SocketMode
from bot.steps import Steps
from bot.work import Work

log = structlog.stdlib.get_logger(__name__)

MOST_WORK = 1000  # pieces of accepted work under way
DRAIN = 22.0  # seconds for accepted work; with last words for what is late, 25 in all
_SLACK_TIMEOUT = 10.0  # seconds for one call
_CONNECTIONS = 128  # to Slack, and as many to Baseten; a process may open about 1,000 files
_KEEP_ALIVE = 60.0  # seconds that an idle connection is kept


class FatalError(Exception):
    """The bot cannot run; the text says why, for an operator."""


@dataclass(frozen=True, slots=True)
class Connections:
    """What leads out of this process, and what keeps its secrets in."""

    session: aiohttp.ClientSession
    slack: AsyncWebClient
    baseten: Baseten
    redactor: Redactor


@asynccontextmanager
async def connections(settings: Settings) -> AsyncIterator[Connections]:
    """Open one HTTP session for everything, close it at the end."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, limit_per_host=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=_SLACK_TIMEOUT),
                # Only with a proxy: it costs a look for .netrc on every request.
                trust_env=bool(getproxies()),
            )
        )
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=AiohttpTransport(client=session),
                base_url=str(settings.baseten_api_url),
                headers={"Authorization": f"Api-Key {settings.baseten_api_key.get_secret_value()}"},
            )
        )
        slack = AsyncWebClient(
            token=settings.slack_bot_token.get_secret_value(),
            base_url=f"{settings.slack_api_url}".rstrip("/") + "/",
            session=session,
            retry_handlers=[],  # bot.slack_calls repeats what is safe to repeat
        )
        redactor = Redactor(settings.secrets)
        baseten = Baseten(http, settings.baseten_timeout, redactor)
        yield Connections(session, slack, baseten, redactor)


class Bot:
    """A bot whose parts are built and whose server listens.

    Attributes:
        url: where its HTTP side is.
        health: whether it takes work.
    """

    def __init__(self, settings: Settings, out: Connections, work: Work) -> None:
        poster = Poster(out.slack, out.session, out.redactor)
        self._settings = settings
        self._out = out
        self._authorized: asyncio.Future[AuthorizeResult] = asyncio.Future()
        self._work = work
        self._bolt = self._build_bolt()
        desk = Desk(
            Projects(out.baseten),
            poster,
            Failures(poster),
            Recents(),
            self._work,
            settings.ask_near_names,
        )
        register(self._bolt, desk, Modals(out.slack), Steps(out.slack, out.redactor))
        self.health = Health()
        self.health.unwell("slack", "Slack has not confirmed the bot's token yet")
        self.url = ""
        self._socket = (
            SocketMode(
                settings.slack_app_token.get_secret_value(), out.slack, self._dispatch, self.health
            )
            if settings.slack_app_token
            else None
        )

    async def listen(self, stack: AsyncExitStack) -> None:
        """Start the HTTP side, which tells at once that the bot lives but is not ready.

        Raises:
            FatalError: the address cannot be listened on.
        """
        secret = self._settings.slack_signing_secret
        verifier = (
            SignatureVerifier(secret.get_secret_value()) if secret and not self._socket else None
        )
        runner = web.AppRunner(
            build_server(self.health, verifier, self._dispatch),
            access_log=None,
            auto_decompress=False,  # Slack signs what it sends, and compresses nothing
            shutdown_timeout=1.0,  # seconds; what was accepted is done by then
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        host, port = self._settings.host, self._settings.port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            why = f"cannot listen on {host}:{port}: {error.strerror or error}"
            raise FatalError(why) from None
        port = runner.addresses[0][1]
        shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared only
        self.url = f"http://{shown}:{port}"
        log.info("listening", host=host, port=port)

    async def serve(self) -> None:
        """Prove the token, open the socket if there is one, and keep both up for ever.

        Raises:
            FatalError: Slack refuses a token, or the socket stays down.
        """
        answer = await prove_token(self._out.slack)
        self._authorized.set_result(
            AuthorizeResult.from_auth_test_response(
                auth_test_response=answer,
                bot_token=self._settings.slack_bot_token.get_secret_value(),
            )
        )
        self.health.well("slack")
        log.info("Slack knows the bot", workspace=answer.get("team"), bot=answer.get("user"))
        if self._socket is None:
            await asyncio.Future()
            return
        try:
            await self._socket.keep_open()
        except SocketDownError as down:
            raise FatalError(str(down)) from None

    def stop_taking(self) -> None:
        """Take no more work from here on."""
        self.health.unwell("draining", "the bot is shutting down")

    async def drain(self) -> None:
        """Take no more work, and finish what was accepted."""
        self.stop_taking()
        if self._socket is not None:
            await self._socket.close()
        late = await self._work.drain(DRAIN)
        log.info("stopped", unfinished=late)

    def _build_bolt(self) -> AsyncApp:
        async def authorize() -> AuthorizeResult:
            return await self._authorized

        # The client has no token of its own: Bolt gives its copies what authorize() returns. The
        # server has checked the signature before Bolt sees a request.
        return AsyncApp(
            client=AsyncWebClient(base_url=self._out.slack.base_url, session=self._out.session),
            authorize=authorize,
            process_before_response=True,
            request_verification_enabled=False,
            signing_secret="",
        )

    async def _dispatch(self, body: dict[str, Any]) -> BoltResponse:
        """Let Bolt answer; this mode takes a body that has been read, however it came."""
        request = AsyncBoltRequest(body=body, mode="socket_mode")
        return await self._bolt.async_dispatch(request)


async def prove_token(slack: AsyncWebClient) -> AsyncSlackResponse:
    """Ask Slack who the bot is, for as long as it takes. ``auth.test``

    Raises:
        FatalError: Slack refuses the token.
    """

    def not_refused(error: Exception) -> bool:
        return isinstance(error, NotTakenError) and error.error not in REFUSALS

    try:
        async for attempt in stamina.retry_context(
            not_refused, attempts=None, timeout=None, wait_max=15.0
        ):
            with attempt:
                return await taken(slack.auth_test)
    except NotTakenError as refused:
        why = f"Slack refuses SLACK_BOT_TOKEN ({refused.error})"
        raise FatalError(why) from None
    raise AssertionError  # stamina returns what was answered, or raises  # pragma: no cover


@asynccontextmanager
async def running(settings: Settings, most_work: int = MOST_WORK) -> AsyncIterator[Bot]:
    """Run a bot: it listens on entry, and drains and closes everything on exit.

    Args:
        settings: what an operator has set.
        most_work: how many pieces of accepted work may be under way.

    Raises:
        FatalError: from the entry, the address cannot be listened on.
    """
    async with connections(settings) as out, AsyncExitStack() as stack:
        bot = Bot(settings, out, Work(most_work))
        await bot.listen(stack)
        try:
            yield bot
        finally:
            await bot.drain()
