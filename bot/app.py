"""The life of the bot: opens its connections, starts and stops its parts in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from bot.access.access_file import BadAccessFileError
from bot.access.grants import unknown_teams
from bot.baseten.errors import BasetenError
from bot.connections import Connections, connections
from bot.durable.database import is_shared, open_store
from bot.durable.model import DatabaseError
from bot.durable.store import HEALTH, Store
from bot.handlers.failures import LAST_WORDS
from bot.listeners import register
from bot.listeners.authorization import (
    NOT_CONFIRMED,
    Authorization,
    ScopesMissingError,
    TokenRefusedError,
)
from bot.listeners.bolt import build_bolt
from bot.listeners.entrance import Entrance
from bot.listeners.errors import ErrorHandler
from bot.listeners.middleware import RequestMiddleware
from bot.server.health import DATABASE, DRAINING, SLACK, START, TOKEN, report_waits
from bot.server.listener import Listener
from bot.server.port import CannotListenError, Port
from bot.settings import Settings
from bot.views.installation import Installation
from bot.wiring import Tuning, build_services

if TYPE_CHECKING:
    from bot.server.socket_mode import SocketMode

log = structlog.stdlib.get_logger(__name__)


class FatalError(Exception):
    """The bot cannot run; the text names the reason for an operator."""


class Bot:
    """The bot: its server listens, and its workers run.

    Args:
        settings: the operator's settings.
        out: the connections to other servers.
        store: the tasks and documents.
        tuning: the tests' values.
        listener: the HTTP server, if it listens already.

    Attributes:
        url: the address of its HTTP server.
        metrics_url: the address of ``/metrics``; empty without `METRICS_PORT`.
        health: whether it takes requests.
    """

    def __init__(
        self,
        settings: Settings,
        out: Connections,
        store: Store,
        tuning: Tuning,
        listener: Listener | None = None,
    ) -> None:
        self._settings = settings
        self._out = out
        self._store = store
        self._tuning = tuning
        self._services = build_services(settings, out, store, tuning)
        self._listener = listener or _build_listener(settings, shared=store.shared)
        self.health = self._listener.health
        self._authorization = Authorization(
            out.slack, settings.slack_bot_token.get_secret_value(), self._waits_for_slack
        )
        self._bolt = build_bolt(out, self._authorization)
        self._observer = out.observer
        requests = RequestMiddleware(
            self._authorization.workspace,
            self._services.limits,
            self._observer.request,
            lambda: self._services.access.file,
        )
        register(self._bolt, self._services, requests)
        errors = ErrorHandler(self._services)
        self._entrance = Entrance(self._bolt, requests, errors, self._observer)
        self.health.set_problem(SLACK, NOT_CONFIRMED)
        self.health.update = self._update_health
        self._update_health()
        store.subscribe(HEALTH, self._update_health)
        self.metrics_url = ""
        self._socket = self._build_socket(out)
        self._listener.dispatch = self._entrance.take
        self.health.clear_problem(START)

    @property
    def url(self) -> str:
        """The address of the HTTP server."""
        return self._listener.url

    async def listen(self, stack: AsyncExitStack) -> None:
        """Listen, unless the server listens already, and open the page of the metrics.

        Both stop before the store closes.

        Raises:
            FatalError: an address cannot be listened on.
        """
        stack.push_async_callback(self._listener.close)
        await _listen(self._listener)
        if (metrics := self._observer.metrics) is None or self._settings.metrics_port is None:
            return
        from bot.server.metrics import MetricsPage  # noqa: PLC0415 - loads prometheus_client

        page = MetricsPage(
            metrics, self._services, self._store, self.health, self._socket is not None
        ).application()
        host = self._settings.metrics_host
        port = Port(page, host, self._settings.metrics_port, ("METRICS_HOST", "METRICS_PORT"))
        stack.push_async_callback(port.close)
        await _listen(port)
        log.info("listening for Prometheus", host=host, port=port.number)
        self.metrics_url = port.url

    async def serve(self) -> None:
        """Prove the token, start the workers and the socket, and run until one of them fails.

        Raises:
            FatalError: Slack refuses a token, it lacks a rule's scope, or the socket stays down.
        """
        reporting = asyncio.create_task(report_waits(self.health, self._tuning.report_every))
        try:
            await self._serve()
        finally:
            reporting.cancel()

    async def _serve(self) -> None:
        try:
            await self._authorization.prove(self._services.access.file)
        except TokenRefusedError as refused:
            cure = "Copy the Bot User OAuth Token from OAuth & Permissions of the app"
            raise FatalError(f"Slack refuses SLACK_BOT_TOKEN ({refused}). {cure}") from None
        except ScopesMissingError as missing:
            raise FatalError(str(missing)) from None
        self._out.token.on_change = self._token_changed
        self.health.clear_problem(SLACK)
        await self._services.workers.enqueue_singletons()
        running = self._services.workers.start()  # after the proof, because tasks use the token
        socket = asyncio.create_task(self._keep_socket_open())
        asking = asyncio.create_task(
            self._out.token.recover(self._out.slack, self._tuning.report_every)
        )
        try:
            done, _ = await asyncio.wait([*running, socket], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            socket.cancel()
            asking.cancel()

    async def reload_access(self) -> None:
        """Read ``ACCESS_FILE`` again; if it is wrong, the old rules stay."""
        await self._authorization.reload(self._settings.access_file, self._services.access)
        await self.prove_key()

    async def prove_key(self) -> None:
        """List the teams, to log a wrong key or a wrong team before a person meets it."""
        await self._services.access.prepare()  # so that the first request finds the members
        try:
            teams = await self._services.projects.teams()
        except BasetenError as error:
            log.warning("cannot list the teams; look with `check`", error=str(error))
            return
        if unknown := unknown_teams(self._services.access.file, teams):
            log.warning("ACCESS_FILE names teams that cannot be used", teams=unknown)

    def refuse_requests(self) -> None:
        """Refuse further requests; on a shared database another replica takes them, after a 503."""
        self.health.set_problem(DRAINING, "the bot is shutting down")

    async def drain(self) -> None:
        """Finish the accepted work, within the seconds that the settings allow."""
        self.refuse_requests()
        if self._socket is not None:
            await self._socket.close()
        seconds = self._settings.shutdown_seconds
        late = await asyncio.gather(
            self._services.workers.drain(seconds),
            self._services.in_flight.drain(max(0.0, seconds - LAST_WORDS)),
        )
        log.info("stopped", unfinished=sum(late))

    def _waits_for_slack(self, why: str) -> None:
        self.health.set_problem(SLACK, f"{NOT_CONFIRMED}: {why}")

    def _token_changed(self, refused: str | None) -> None:
        if refused is None:
            log.info("Slack accepts the bot's token again")
            self.health.clear_problem(TOKEN)
            return
        log.error("Slack refuses the bot's token", slack_error=refused)
        self.health.set_problem(TOKEN, f"Slack refuses the bot's token ({refused})")

    def _update_health(self) -> None:
        workers = self._services.workers
        if problem := self._store.problem or workers.commands.problem:
            start = "the start waits for the database: " if workers.waiting else ""
            self.health.set_problem(DATABASE, f"{start}{problem}")
        else:
            self.health.clear_problem(DATABASE)
        late = workers.commands.late_by
        self.health.warnings = {"backlog": f"a command has waited {late:.0f} s"} if late else {}

    def _build_socket(self, out: Connections) -> "SocketMode | None":
        if (token := self._settings.slack_app_token) is None:
            return None
        from bot.server.socket_mode import SocketMode  # noqa: PLC0415 - HTTP mode does not load it

        return SocketMode(token.get_secret_value(), out.slack, self._entrance.take, self.health)

    async def _keep_socket_open(self) -> None:
        if self._socket is None:
            await asyncio.Event().wait()  # until it is cancelled
            return
        from bot.server.socket_mode import SocketDownError  # noqa: PLC0415 - as above

        try:
            await self._socket.keep_open()
        except SocketDownError as down:
            raise FatalError(str(down)) from None


def _build_listener(settings: Settings, *, shared: bool) -> Listener:
    secret = None if settings.socket_mode else settings.slack_signing_secret
    key = None if secret is None else secret.get_secret_value()
    contact = Installation(contact=settings.contact)
    return Listener(settings.host, settings.port, key, contact, shared=shared)


async def _listen(port: Listener | Port) -> None:
    try:
        await port.listen()
    except CannotListenError as error:
        raise FatalError(str(error)) from None


@asynccontextmanager
async def running(settings: Settings, tuning: Tuning | None = None) -> AsyncIterator[Bot]:
    """Run a bot: it listens on entry, and drains and closes everything on exit.

    The health pages answer before the database is open, because the start can wait for it.

    Args:
        settings: the operator's settings.
        tuning: the tests' values.

    Raises:
        FatalError: on entry: the database, the address or ``ACCESS_FILE`` cannot be used.
    """
    tuning, url = tuning or Tuning(), settings.database_url.get_secret_value()
    listener = _build_listener(settings, shared=is_shared(url))
    listener.health.set_problem(START, "the bot opens its database")

    def wait(why: str) -> None:
        listener.health.set_problem(START, f"the start waits for the database: {why}")

    async with connections(settings) as out, AsyncExitStack() as stack:
        stack.push_async_callback(listener.close)
        await _listen(listener)
        try:
            store = await stack.enter_async_context(open_store(url, on_wait=wait))
            bot = Bot(settings, out, store, tuning, listener)
        except (DatabaseError, BadAccessFileError) as error:
            raise FatalError(str(error)) from None
        await bot.listen(stack)
        try:
            yield bot
        finally:
            await bot.drain()
