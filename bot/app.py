"""Wiring: builds the parts, opens their connections, starts and ends them in order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.access.limits import PersonLimits
from bot.access.rules import Allows, allows
from bot.baseten.errors import BasetenError
from bot.connections import Connections, connections
from bot.durable.database import open_store
from bot.durable.in_flight import InFlight
from bot.durable.model import DatabaseError, StoreUnavailableError
from bot.durable.room import Limits
from bot.durable.store import HEALTH, Store
from bot.handlers.cleanup import CLEANUP, CleanupTask
from bot.handlers.failures import LAST_WORDS, Failures
from bot.handlers.open_project import LOOKS, OpenProjectHandler
from bot.handlers.permissions import Permissions
from bot.handlers.services import Services
from bot.handlers.workers import Workers
from bot.listeners import register
from bot.listeners.authorization import Authorization, TokenRefusedError
from bot.listeners.middleware import RequestMiddleware
from bot.projects.recents import Recents
from bot.projects.service import Projects
from bot.server.http import DATABASE, DRAINING, Health, build_server
from bot.server.socket_mode import SocketDownError, SocketMode
from bot.settings import Settings
from bot.slack.messages import Poster
from bot.slack.modals import Modals
from bot.slack.workflow_steps import WorkflowSteps
from bot.watches.delivery import REPORT, Reports
from bot.watches.model import Watches
from bot.watches.poller import POLL, Pace, Poller
from bot.watches.start import Following

log = structlog.stdlib.get_logger(__name__)


class FatalError(Exception):
    """The bot cannot run; the text says why, for an operator."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What only tests set.

    Attributes:
        most_work: how many acts that are not tasks may be under way.
        limits: how many commands run at once; the others wait on disk.
        pace: how often watched jobs are looked at.
        now: the time that watches go by.
        looks: seconds before each search for a post whose outcome is unknown.
        allows: decides who can do which act.
    """

    most_work: int = 1000
    limits: Limits = field(default_factory=Limits)
    pace: Pace = field(default_factory=Pace)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    looks: tuple[float, ...] = LOOKS
    allows: Allows = allows


class Bot:
    """A bot whose parts are built and whose server listens.

    Attributes:
        url: where its HTTP side is.
        health: whether it takes work.
    """

    def __init__(self, settings: Settings, out: Connections, store: Store, tuning: Tuning) -> None:
        self._settings = settings
        self._out = out
        token = settings.slack_bot_token.get_secret_value()
        self._authorization = Authorization(out.slack, token)
        self._bolt = self._build_bolt()
        self._work = InFlight(tuning.most_work)
        self._workers = workers = Workers(store, tuning.limits)
        self._commands = workers.commands
        self._store = store
        poster, watches = Poster(out.slack, out.session, out.redactor), Watches(store)
        self._projects = projects = Projects(out.baseten, store)
        recents = Recents(store)
        ends = WorkflowSteps(out.slack, out.redactor)
        failures, following = (
            Failures(poster),
            Following(poster, watches, tuning.now),
        )
        permissions = Permissions(tuning.allows)
        opening = OpenProjectHandler(
            projects,
            poster,
            failures,
            recents,
            following,
            settings.ask_near_names,
            settings.watch_answers,
            tuning.looks,
            permissions,
        )
        limits = PersonLimits(store, settings.person_per_minute, settings.person_waiting)
        services = Services(
            projects,
            poster,
            failures,
            recents,
            watches,
            self._commands,
            limits,
            self._work,
            permissions,
        )
        self._requests = RequestMiddleware(self._authorization.workspace, limits)
        register(self._bolt, services, opening, Modals(out.slack), ends, requests=self._requests)
        too_long = settings.waiting_too_long * 60  # seconds
        poller = Poller(
            out.baseten, store, workers.reports, watches, tuning.pace, too_long, tuning.now
        )
        workers.looks.on(POLL, poller.handle)
        workers.looks.on(CLEANUP, CleanupTask(store).handle)
        reports = Reports(
            poster,
            out.baseten,
            watches,
            store,
            out.redactor,
            gap=tuning.pace.fast,
            looks=tuning.looks,
            allows=tuning.allows,
        )
        workers.reports.on(REPORT, reports.handle)
        self.health = Health(self._look_at_database)
        self.health.set_problem("slack", "Slack has not confirmed the bot's token yet")
        self._look_at_database()
        store.subscribe(HEALTH, self._look_at_database)
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
            build_server(self.health, verifier, self._dispatch, shared=self._store.shared),
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
        try:
            await self._authorization.prove()
            self.health.clear_problem("slack")
            await self._workers.enqueue_singletons((POLL, CLEANUP))
        except TokenRefusedError as refused:
            raise FatalError(f"Slack refuses SLACK_BOT_TOKEN ({refused})") from None
        except StoreUnavailableError as error:
            raise FatalError(str(error)) from None
        ends = self._workers.start()  # only now, as tasks post with this token
        keeping: list[asyncio.Task[None]] = []
        if self._socket is not None:
            keeping.append(asyncio.create_task(self._socket.keep_open()))
        try:
            done, _ = await asyncio.wait([*ends, *keeping], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except SocketDownError as down:
            raise FatalError(str(down)) from None
        finally:
            for task in keeping:
                task.cancel()

    async def prove_key(self) -> None:
        """Look at the teams once, so that a wrong key is known before a person meets it."""
        try:
            await self._projects.teams()
        except BasetenError as error:
            log.warning("cannot list the teams; look with `check`", error=str(error))

    def stop_taking(self) -> None:
        """Take no more work from here on, unless it is for other replicas to do."""
        self.health.set_problem(DRAINING, "the bot is shutting down")

    async def drain(self) -> None:
        """Finish what was accepted."""
        self.stop_taking()
        if self._socket is not None:
            await self._socket.close()
        seconds = self._settings.shutdown_seconds
        late = await asyncio.gather(
            self._workers.drain(seconds), self._work.drain(max(0.0, seconds - LAST_WORDS))
        )
        log.info("stopped", unfinished=sum(late))

    def _look_at_database(self) -> None:
        if problem := self._store.problem or self._commands.problem:
            self.health.set_problem(DATABASE, problem)
        else:
            self.health.clear_problem(DATABASE)
        late = self._commands.late_by
        self.health.warnings = {"backlog": f"a command has waited {late:.0f} s"} if late else {}

    def _build_bolt(self) -> AsyncApp:
        async def authorize() -> AuthorizeResult:  # Bolt calls no method
            return await self._authorization.proved()

        # The client has no token of its own: Bolt gives its copies what authorize() returns. The
        # server has checked the signature before Bolt sees a request.
        return AsyncApp(
            client=AsyncWebClient(base_url=self._out.slack.base_url, session=self._out.session),
            authorize=authorize,
            process_before_response=True,
            request_verification_enabled=False,
            signing_secret="",
            raise_error_for_unhandled_request=True,
        )

    async def _dispatch(self, body: dict[str, Any], retries: int) -> BoltResponse:
        """Let Bolt answer; this mode takes a body that has been read, however it came."""
        headers: dict[str, str | Sequence[str]] = {"x-slack-retry-num": str(retries)}
        request = AsyncBoltRequest(body=body, mode="socket_mode", headers=headers)
        return await self._requests.observe(request, self._bolt.async_dispatch)


@asynccontextmanager
async def running(settings: Settings, tuning: Tuning | None = None) -> AsyncIterator[Bot]:
    """Run a bot: it listens on entry, and drains and closes everything on exit.

    Args:
        settings: what an operator has set.
        tuning: what tests set.

    Raises:
        FatalError: from the entry, the database cannot be used, or the address not listened on.
    """
    async with connections(settings) as out, AsyncExitStack() as stack:
        try:
            url = settings.database_url.get_secret_value()
            store = await stack.enter_async_context(open_store(url))
        except DatabaseError as error:
            raise FatalError(str(error)) from None
        bot = Bot(settings, out, store, tuning or Tuning())
        await bot.listen(stack)
        try:
            yield bot
        finally:
            await bot.drain()
