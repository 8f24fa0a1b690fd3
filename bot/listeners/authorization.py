"""The bot's token: Slack confirms it once, and Bolt gets it for every request."""

import asyncio

import structlog
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.access.access_file import AccessFile, missing_scopes
from bot.access.rules import Workspace
from bot.access.workspace import access_in_words, workspace_of
from bot.retry import retry
from bot.slack.message import SlackCallFailed
from bot.slack.web_api import AUTH_ERRORS, call_slack

_LONGEST_WAIT = 15.0  # seconds between two attempts

log = structlog.stdlib.get_logger(__name__)


class TokenRefusedError(Exception):
    """Slack refuses the token; the text is Slack's code."""


class ScopesMissingError(Exception):
    """The token lacks scopes that the access rules need; the text names both."""


class Authorization:
    """Prove the token; requests wait until it is proved.

    Args:
        slack: the client of Slack's Web API, with the token.
        token: the bot's token.
    """

    def __init__(self, slack: AsyncWebClient, token: str) -> None:
        self._slack = slack
        self._token = token
        self._proved: asyncio.Future[tuple[AuthorizeResult, Workspace]] = asyncio.Future()

    async def proved(self) -> AuthorizeResult:
        """Return the bot's identity for Bolt, as soon as the token is proved."""
        return (await self._proved)[0]

    async def workspace(self) -> Workspace:
        """Return the workspace of the token, once the token is proved."""
        return (await self._proved)[1]

    async def prove(self, rules: AccessFile | None = None) -> None:
        """Ask Slack which bot has the token; repeat until Slack answers.

        https://docs.slack.dev/reference/methods/auth.test

        Args:
            rules: the access rules, which can need scopes.

        Raises:
            TokenRefusedError: Slack refuses it.
            ScopesMissingError: it lacks a scope that a rule needs.
        """
        rules = rules or AccessFile()
        answer = await self._ask()
        _check_scopes(rules, answer)
        workspace = workspace_of(answer)
        identity = AuthorizeResult.from_auth_test_response(
            auth_test_response=answer, bot_token=self._token
        )
        self._proved.set_result((identity, workspace))
        log.info("Slack knows the bot", workspace=answer.get("team"), bot=answer.get("user"))
        write = log.info if rules.grants else log.warning
        write(access_in_words(workspace, rules))

    async def check_scopes(self, rules: AccessFile) -> None:
        """Ask Slack for the scopes of the token.

        Raises:
            TokenRefusedError: Slack refuses the token.
            ScopesMissingError: it lacks a scope that a rule needs.
        """
        if rules.scopes:
            _check_scopes(rules, await self._ask())

    async def _ask(self) -> AsyncSlackResponse:
        def not_refused(error: Exception) -> bool:
            return isinstance(error, SlackCallFailed) and error.error not in AUTH_ERRORS

        try:
            return await retry(
                lambda: call_slack(self._slack.auth_test, idempotent=True),
                not_refused,
                attempts=None,
                longest_wait=_LONGEST_WAIT,
            )
        except SlackCallFailed as refused:
            raise TokenRefusedError(refused.error) from None


def _check_scopes(rules: AccessFile, answer: AsyncSlackResponse) -> None:
    if why := missing_scopes(rules, answer.headers.get("x-oauth-scopes", "")):
        raise ScopesMissingError(why)
