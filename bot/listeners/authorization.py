"""The bot's token: Slack confirms it once, and Bolt gets it for every request."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.access.access import Access
from bot.access.access_file import AccessFile, BadAccessFileError, missing_scopes, read_access_file
from bot.access.rules import Workspace
from bot.access.workspace import access_in_words, workspace_of
from bot.retry import retry
from bot.slack.message import SlackCallFailed
from bot.slack.unreachable import why_failed
from bot.slack.web_api import AUTH_ERRORS, PAUSED, UNREADABLE, send_once

NOT_CONFIRMED = "Slack has not confirmed the bot's token yet"
EXPIRING = "xoxe."
NO_ROTATION = (
    "Slack does not let an app turn token rotation off, so create the app again from manifest.yml,"
    " without token rotation, and copy its token (xoxb-…)"
)
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
        on_wait: called with each reason why the start waits; without host names.
    """

    def __init__(
        self, slack: AsyncWebClient, token: str, on_wait: Callable[[str], object] = lambda _: None
    ) -> None:
        self._slack = slack
        self._token = token
        self._on_wait = on_wait
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
        log.info("the start waits for Slack to confirm the bot's token")
        answer = await self._ask(self._start_waits)
        _check_scopes(rules, answer)
        workspace = workspace_of(answer)
        identity = AuthorizeResult.from_auth_test_response(
            auth_test_response=answer, bot_token=self._token
        )
        self._proved.set_result((identity, workspace))
        if self._token.startswith(EXPIRING):
            log.warning(
                "the bot's token expires within 12 hours, and nothing renews it", cure=NO_ROTATION
            )
        log.info("Slack knows the bot", workspace=answer.get("team"), bot=answer.get("user"))
        write = log.info if rules.grants else log.warning
        write(access_in_words(workspace, rules))

    async def reload(self, path: Path | None, access: Access) -> None:
        """Read ``ACCESS_FILE`` again; if it is wrong, the old rules stay."""
        try:
            rules = await asyncio.to_thread(read_access_file, path)
            if rules.scopes:
                _check_scopes(rules, await self._ask(_reload_waits))
        except (BadAccessFileError, ScopesMissingError, TokenRefusedError) as wrong:
            log.error("kept the old access rules", why=str(wrong))  # noqa: TRY400 - no bug
            return
        access.file = rules
        words = access_in_words(await self.workspace(), rules)
        write = log.info if rules.grants else log.warning  # as at the start
        write("read the access rules again", access=words)

    async def _ask_once(self) -> AsyncSlackResponse:
        answer = await send_once(self._slack.auth_test)
        if not answer.get("team_id"):  # else the bot would not know whom it serves
            raise SlackCallFailed(UNREADABLE)
        return answer

    def _start_waits(self, why: str) -> None:
        self._on_wait(why)
        log.warning("Slack does not confirm the bot's token; the start waits", why=why)

    async def _ask(self, on_wait: Callable[[str], None]) -> AsyncSlackResponse:
        """Return the answer; call `on_wait` with each new reason why there is none yet."""
        told = ""

        def repeat(error: Exception) -> bool | float:
            nonlocal told
            if not isinstance(error, SlackCallFailed) or error.error in AUTH_ERRORS:
                return False
            # A pause says less than the failures that led to it.
            if error.error != PAUSED and (why := why_failed(error)) != told:
                told = why
                on_wait(why)
            return min(error.retry_after, 2 * _LONGEST_WAIT) or True

        try:
            return await retry(
                self._ask_once,
                repeat,
                attempts=None,
                longest_wait=_LONGEST_WAIT,
            )
        except SlackCallFailed as refused:
            raise TokenRefusedError(refused.error) from None


def _reload_waits(why: str) -> None:
    log.warning("Slack does not tell the token's scopes; the old access rules stay", why=why)


def _check_scopes(rules: AccessFile, answer: AsyncSlackResponse) -> None:
    if why := missing_scopes(rules, answer.headers.get("x-oauth-scopes", "")):
        raise ScopesMissingError(why)
