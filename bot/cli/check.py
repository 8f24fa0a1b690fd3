"""``python -m bot check``: check the settings, the credentials and the database."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus

from aiohttp import web

from bot.access.access_file import AccessFile, missing_scopes, read_access_file
from bot.access.grants import unknown_teams
from bot.access.workspace import access_in_words, workspace_of
from bot.baseten.errors import BasetenError, Refused, Unreachable
from bot.cli.check_channels import check_channels
from bot.cli.lines import BAD, GOOD, NOTE, UNPROVED, Line, show
from bot.connections import Connections, connections
from bot.durable.database import InUseError, open_store
from bot.durable.model import DatabaseError
from bot.listeners.authorization import EXPIRING, NO_ROTATION
from bot.server.port import CannotListenError, Port
from bot.settings import Settings, ignored
from bot.slack.message import SlackCallFailed
from bot.slack.unreachable import why_failed
from bot.slack.web_api import AUTH_ERRORS, UNREACHABLE, call_slack
from bot.views.text import listing

_Proof = Callable[[Settings, Connections], Awaitable[list[Line]]]
NEEDED_SCOPES = ("commands", "chat:write", "chat:write.public")
_SIGNING_SECRET = re.compile("[0-9a-f]{32}")
_CLOCK = 5.0  # seconds; the header has whole seconds, and the answer takes a moment
_TOO_FAR = 300.0  # seconds; the bot and Slack refuse older signatures
_CURES = {
    "slack_bot_token": "copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions of the app",
    "slack_app_token": "create an app-level token (xapp-…) with connections:write under Basic "
    "Information",
    "baseten_api_key": "copy a workspace API key from Baseten's settings",
    "baseten_api_url": "check the network, a proxy, or BASETEN_API_URL",
}


async def check(settings: Settings) -> int:
    """Check each credential and the database, print a line for each, and return 0 or 1."""
    mode = "Socket Mode" if settings.socket_mode else "HTTP, at /slack/events"
    show(Line(GOOD, "Settings", f"complete; mode: {mode}"))
    for each in ignored():
        show(Line(NOTE, each.name, f"ignored: {each.why}"))
    rules = read_access_file(settings.access_file)
    token, key = partial(_bot_token, rules), partial(_baseten_key, rules)
    channels = partial(check_channels, rules)
    proofs: list[_Proof] = [token, channels, key, _database, _ports, _unprovable]
    if settings.socket_mode:
        proofs.insert(2, _app_token)
    good = True
    async with connections(settings) as clients:
        running = [asyncio.ensure_future(prove(settings, clients)) for prove in proofs]
        for proof in running:
            for line in await proof:
                good = good and line.mark != BAD
                show(line)
    return 0 if good else 1


async def _bot_token(rules: AccessFile, settings: Settings, clients: Connections) -> list[Line]:
    """Call ``auth.test``; response headers have the granted scopes and Slack's time."""
    name, token = "SLACK_BOT_TOKEN", settings.slack_bot_token.get_secret_value()
    try:
        response = await call_slack(clients.slack.auth_test, idempotent=True)
    except SlackCallFailed as error:
        return [Line(BAD, name, _slack_problem(error, "slack_bot_token"))]
    found = f"bot {response.get('user')} in workspace {response.get('team')}"
    lines = [Line(GOOD, name, found)]
    granted = response.headers.get("x-oauth-scopes", "")
    scopes = {scope.strip() for scope in granted.split(",")}
    missing = [scope for scope in NEEDED_SCOPES if scope not in scopes]
    if scopes != {""} and missing:
        cure = "add them under OAuth & Permissions and reinstall"
        lines = [Line(BAD, name, f"lacks the scopes {listing(missing)}; {cure}")]
    if for_rules := missing_scopes(rules, granted):
        lines.append(Line(BAD, name, for_rules))
    if token.startswith(EXPIRING):
        lines.append(Line(NOTE, name, f"expires within 12 hours. {NO_ROTATION}"))
    lines.append(Line(GOOD, "Access", access_in_words(workspace_of(response), rules)))
    return lines + _clock(response.headers, socket_mode=settings.socket_mode)


def _clock(headers: Mapping[str, str], *, socket_mode: bool) -> list[Line]:
    """Compare this machine's clock with the ``Date`` of Slack's answer."""
    with suppress(KeyError, TypeError, ValueError):
        ahead = time.time() - parsedate_to_datetime(headers["Date"]).timestamp()
        if abs(ahead) <= _CLOCK:
            return [Line(GOOD, "Clock", "agrees with Slack's")]
        way = "ahead of" if ahead > 0 else "behind"
        wrong = f"{abs(ahead):.0f} s {way} Slack's; let NTP set it"
        if abs(ahead) > _TOO_FAR and not socket_mode:
            return [Line(BAD, "Clock", f"{wrong}. The bot refuses all requests of Slack")]
        return [Line(NOTE, "Clock", wrong)]
    return [Line(UNPROVED, "Clock", "Slack's answer has no time to compare it with")]


async def _app_token(settings: Settings, clients: Connections) -> list[Line]:
    """Call ``apps.connections.open``, and ignore the socket address in its response."""
    name = "SLACK_APP_TOKEN"
    token = settings.slack_app_token.get_secret_value() if settings.slack_app_token else ""
    try:
        await call_slack(
            lambda: clients.slack.apps_connections_open(app_token=token), idempotent=True
        )
    except SlackCallFailed as error:
        return [Line(BAD, name, _slack_problem(error, "slack_app_token"))]
    return [Line(GOOD, name, "opens sockets")]


async def _baseten_key(rules: AccessFile, _: Settings, clients: Connections) -> list[Line]:
    """Call ``GET /v1/teams``."""
    name = "BASETEN_API_KEY"
    try:
        teams = await clients.baseten.list_teams()
    except Unreachable as error:
        why = f"Baseten cannot be reached: {error}; {_CURES['baseten_api_url']}"
        return [Line(BAD, name, why)]
    except BasetenError as error:
        if _is_about_the_key(error):
            why = f"Baseten refuses it: {error}; {_CURES['baseten_api_key']}"
            return [Line(BAD, name, why)]
        return [Line(BAD, name, f"Baseten sends an unexpected answer: {error}")]
    names = listing([team.name for team in teams]) if teams else "no team"
    lines = [Line(GOOD if teams else BAD, name, f"sees {names}")]
    if unknown := unknown_teams(rules, teams):
        why = f"no team, or more than one, is called {listing(unknown)}; correct the names there"
        lines.append(Line(BAD, "ACCESS_FILE", why))
    return [*lines, await _training(clients)]


def _is_about_the_key(error: BasetenError) -> bool:
    refusals = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    return isinstance(error, Refused) and error.status in refusals


async def _training(clients: Connections) -> Line:
    """Call ``GET /v1/training/capacity``: it is empty for an organization without training."""
    try:
        capacity = (await clients.baseten.get_capacity()).gpu_capacities
    except BasetenError as error:
        if _is_about_the_key(error):
            why = "the key has no permission to read the capacity"
            return Line(UNPROVED, "Training", why)
        return Line(UNPROVED, "Training", f"Baseten does not tell the capacity: {error}")
    if not capacity:
        why = "Baseten has not enabled training for this organization; ask Baseten's support"
        return Line(BAD, "Training", why)
    return Line(GOOD, "Training", f"GPUs: {listing([gpu.gpu_type for gpu in capacity])}")


async def _database(settings: Settings, _: Connections) -> list[Line]:
    """Open the database as the bot does, which also migrates it."""
    name = "DATABASE_URL"
    try:
        async with open_store(settings.database_url.get_secret_value(), wait=0):
            return [Line(GOOD, name, "can be used")]
    except InUseError:
        return [Line(GOOD, name, "in use by a running bot")]
    except DatabaseError as error:
        return [Line(BAD, name, str(error))]


async def _ports(settings: Settings, _: Connections) -> list[Line]:
    """Listen as the bot does."""
    lines = [await _port(settings.host, settings.port, ("HOST", "PORT"))]
    if settings.metrics_port is not None:
        names = ("METRICS_HOST", "METRICS_PORT")
        lines.append(await _port(settings.metrics_host, settings.metrics_port, names))
    return lines


async def _port(host: str, number: int, names: tuple[str, str]) -> Line:
    name, port = " and ".join(names), Port(web.Application(), host, number, names)
    try:
        await port.listen()
    except CannotListenError as error:
        if error.taken:
            return Line(NOTE, name, f"{error}. Fine if it is the running bot")
        return Line(BAD, name, str(error))
    await port.close()
    return Line(GOOD, name, "can be listened on")


async def _unprovable(settings: Settings, _: Connections) -> list[Line]:
    """Return a line for each setting that only a request of Slack proves."""
    lines = []
    if not settings.socket_mode and settings.slack_signing_secret is not None:
        usual = _SIGNING_SECRET.fullmatch(settings.slack_signing_secret.get_secret_value())
        form = "has the usual form" if usual else "is not 32 characters of 0-9 and a-f, as usual"
        why = f"{form}; only a request of Slack proves it, and the log names a wrong one"
        lines.append(Line(UNPROVED, "SLACK_SIGNING_SECRET", why))
    why = f"{settings.command} and {settings.jobs_command} must be those of the app's manifest"
    return [*lines, Line(UNPROVED, "COMMAND and JOBS_COMMAND", why)]


def _slack_problem(error: SlackCallFailed, name: str) -> str:
    if error.error in AUTH_ERRORS:
        return f"Slack refuses it: {error.error}; {_CURES[name]}"
    if error.error == UNREACHABLE:
        return f"Slack cannot be reached: {why_failed(error)}"
    return f"Slack sends an unexpected answer: {why_failed(error)}"
