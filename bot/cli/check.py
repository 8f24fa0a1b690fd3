"""``python -m bot check``: check the settings, the credentials and the database."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial

from bot.access.access_file import AccessFile, missing_scopes, read_access_file
from bot.access.grants import unknown_teams
from bot.access.workspace import access_in_words, workspace_of
from bot.baseten.errors import BasetenError, Refused, Unreachable
from bot.connections import Connections, connections
from bot.durable.database import InUseError, open_store
from bot.durable.model import DatabaseError
from bot.settings import Settings
from bot.slack.message import SlackCallFailed
from bot.slack.web_api import AUTH_ERRORS, UNREACHABLE, call_slack
from bot.views.text import listing

_Proof = Callable[[Connections], Awaitable[str]]
NEEDED_SCOPES = ("commands", "chat:write", "chat:write.public")
_CURES = {
    "slack_bot_token": "copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions of the app",
    "slack_app_token": "create an app-level token (xapp-…) with connections:write under Basic "
    "Information",
    "slack_api_url": "check the network, a proxy, or SLACK_API_URL",
    "baseten_api_key": "copy a workspace API key from Baseten's settings",
    "baseten_api_url": "check the network, a proxy, or BASETEN_API_URL",
}


class _NotProvedError(Exception):
    """A check failed; the text has the problem and the cure."""


async def check(settings: Settings) -> int:
    """Check each credential and the database, print a line for each, and return 0 or 1."""
    mode = "Socket Mode" if settings.socket_mode else "HTTP, at /slack/events"
    sys.stdout.write(f"✓ Settings: complete; mode: {mode}\n")
    rules = read_access_file(settings.access_file)
    proofs: list[tuple[str, _Proof]] = [
        ("SLACK_BOT_TOKEN", partial(_bot_token, rules)),
        ("BASETEN_API_KEY", partial(_baseten_key, rules)),
        ("DATABASE_URL", lambda _: _database(settings.database_url.get_secret_value())),
    ]
    if (app_token := settings.slack_app_token) is not None:
        proofs.insert(
            1,
            ("SLACK_APP_TOKEN", lambda clients: _app_token(clients, app_token.get_secret_value())),
        )
    good = True
    async with connections(settings) as clients:
        running = [asyncio.ensure_future(prove(clients)) for _, prove in proofs]
        for (name, _), proof in zip(proofs, running, strict=True):
            try:
                sys.stdout.write(f"✓ {name}: {await proof}\n")
            except _NotProvedError as error:
                good = False
                sys.stdout.write(f"✗ {name}: {error}\n")
    return 0 if good else 1


async def _bot_token(rules: AccessFile, clients: Connections) -> str:
    """Call ``auth.test``; a response header lists the granted scopes."""
    try:
        response = await call_slack(clients.slack.auth_test, idempotent=True)
    except SlackCallFailed as error:
        raise _NotProvedError(_slack_problem(error, "slack_bot_token")) from error
    scopes = response.headers.get("x-oauth-scopes", "")
    granted = {scope.strip() for scope in scopes.split(",")}
    missing = [scope for scope in NEEDED_SCOPES if scope not in granted]
    if scopes and missing:
        why = (
            f"lacks the scopes {listing(missing)}; add them under OAuth & Permissions and reinstall"
        )
        raise _NotProvedError(why)
    if for_rules := missing_scopes(rules, scopes):
        raise _NotProvedError(for_rules)
    audience = access_in_words(workspace_of(response), rules)
    return f"bot {response.get('user')} in workspace {response.get('team')}\n✓ Access: {audience}"


async def _app_token(clients: Connections, token: str) -> str:
    """Call ``apps.connections.open``, and ignore the socket address in its response."""
    try:
        await call_slack(
            lambda: clients.slack.apps_connections_open(app_token=token), idempotent=True
        )
    except SlackCallFailed as error:
        raise _NotProvedError(_slack_problem(error, "slack_app_token")) from error
    return "opens sockets"


async def _baseten_key(rules: AccessFile, clients: Connections) -> str:
    """Call ``GET /v1/teams``."""
    try:
        teams = await clients.baseten.list_teams()
    except Refused as error:
        why = f"Baseten refuses it: {error}; {_CURES['baseten_api_key']}"
        raise _NotProvedError(why) from error
    except Unreachable as error:
        why = f"Baseten cannot be reached: {error}; {_CURES['baseten_api_url']}"
        raise _NotProvedError(why) from error
    except BasetenError as error:
        why = f"Baseten sends an unexpected answer: {error}"
        raise _NotProvedError(why) from error
    names = listing([team.name for team in teams]) if teams else "no team"
    if unknown := unknown_teams(rules, teams):
        why = f"sees {names}, but ACCESS_FILE names {listing(unknown)}; correct the names there"
        raise _NotProvedError(why)
    return f"sees {names}"


async def _database(url: str) -> str:
    """Open the database as the bot does, which also migrates it."""
    try:
        async with open_store(url, wait=0):
            return "can be used"
    except InUseError:
        return "in use by a running bot"
    except DatabaseError as error:
        raise _NotProvedError(str(error)) from error


def _slack_problem(error: SlackCallFailed, name: str) -> str:
    if error.error in AUTH_ERRORS:
        return f"Slack refuses it: {error.error}; {_CURES[name]}"
    if error.error == UNREACHABLE:
        return f"Slack cannot be reached; {_CURES['slack_api_url']}"
    return f"Slack sends an unexpected answer: {error.error}"
