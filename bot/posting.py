"""What the bot says reaches Slack: everyone in a channel, or one person."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import aiohttp
import stamina
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.message import Message, NotPostedError
from bot.redaction import Redactor

log = structlog.stdlib.get_logger(__name__)

ATTEMPTS = 4
LONGEST_WAIT = 20.0  # seconds; a longer Retry-After is not waited for
_NOT_A_MEMBER = frozenset({"not_in_channel", "channel_not_found"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person asked for something, and how to answer there.

    Attributes:
        channel_id: where it was asked.
        user_id: who asked.
        response_url: works for 30 minutes and 5 messages, even where the bot is not a member.
    """

    channel_id: str
    user_id: str
    response_url: str | None = None


class _TryAgainError(Exception):
    """Slack took nothing, and said so: the same call can be repeated without a second message."""

    def __init__(self, error: str, wait: float | None = None, *, maybe: bool = False) -> None:
        super().__init__(error)
        self.wait = wait
        self.maybe = maybe


class Poster:
    """Post as the bot, never twice when the first may have arrived.

    Args:
        client: Slack's Web API, with the bot's token and without retries of its own.
        session: what response URLs are called through.
        redactor: takes the secrets out of whatever is posted.
    """

    def __init__(
        self, client: AsyncWebClient, session: aiohttp.ClientSession, redactor: Redactor
    ) -> None:
        self._client = client
        self._session = session
        self._redactor = redactor

    async def post(self, place: Place, message: Message) -> bool:
        """Post for everyone in the channel; where the bot may not, answer the command instead.

        https://docs.slack.dev/reference/methods/chat.postMessage

        Returns:
            Whether the bot could post as a member would, rather than through the response URL.

        Raises:
            NotPostedError: Slack did not take the message, or did not confirm it.
        """
        payload = self._payload(message)
        try:
            await _taken(
                lambda: self._client.chat_postMessage(
                    channel=place.channel_id, unfurl_links=False, unfurl_media=False, **payload
                )
            )
        except NotPostedError as refused:
            if refused.maybe or place.response_url is None:
                raise
            log.info("answering through the response URL", slack_error=refused.error)
            await self._respond(place.response_url, payload | {"response_type": "in_channel"})
            return refused.error not in _NOT_A_MEMBER
        return True

    async def tell(self, place: Place, message: Message) -> None:
        """Tell one person, by the first way that works; the log hears of it when none does."""
        payload = self._payload(message)
        ways: list[Callable[[], Awaitable[Any]]] = [
            lambda: _taken(
                lambda: self._client.chat_postEphemeral(
                    channel=place.channel_id, user=place.user_id, **payload
                )
            ),
            lambda: _taken(lambda: self._client.chat_postMessage(channel=place.user_id, **payload)),
        ]
        if (url := place.response_url) is not None:
            ways.insert(0, lambda: self._respond(url, payload | {"response_type": "ephemeral"}))
        for way in ways:
            try:
                await way()
            except NotPostedError as refused:
                log.warning("could not tell the person", slack_error=refused.error)
                if refused.maybe:
                    return
            else:
                return
        log.error("no way to tell the person", user=place.user_id, channel=place.channel_id)

    async def _respond(self, url: str, payload: dict[str, Any]) -> None:
        webhook = AsyncWebhookClient(url, session=self._session, retry_handlers=[])

        async def send() -> None:
            answer = await webhook.send_dict(payload)
            _raise_for(answer.status_code, answer.headers, answer.body)

        await _taken(send)

    def _payload(self, message: Message) -> dict[str, Any]:
        payload: dict[str, Any] = self._redactor.tree(message.payload())
        return payload


async def _taken(send: Callable[[], Awaitable[Any]]) -> None:
    """Send until Slack takes it.

    Repeated only where Slack said that it took nothing (429), told us to come back (5xx), or was
    never reached: there is no idempotency key, so a repeat after anything else could post twice.

    Raises:
        NotPostedError: Slack did not take it, or did not confirm it.
    """
    try:
        async for attempt in stamina.retry_context(_wait, attempts=ATTEMPTS, timeout=None):
            with attempt:
                await _once(send)
    except _TryAgainError as error:
        raise NotPostedError(str(error), maybe=error.maybe) from error


async def _once(send: Callable[[], Awaitable[Any]]) -> None:
    try:
        await send()
    except SlackApiError as error:
        answer = error.response
        code = answer.data.get("error") if isinstance(getattr(answer, "data", None), dict) else None
        status: int = getattr(answer, "status_code", 0) or getattr(answer, "status", 0)
        if status == 200 and code:  # noqa: PLR2004
            raise NotPostedError(str(code)) from error
        _raise_for(status, answer.headers, str(code or ""))
        _unconfirmed("an answer that is not Slack's", error)
    except aiohttp.ClientConnectorError as error:
        raise _TryAgainError(type(error).__name__) from error
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        _unconfirmed(type(error).__name__, error)


def _raise_for(status: int, headers: Any, said: str) -> None:  # noqa: ANN401 - any mapping
    """Raise for what Slack answers when it took nothing."""
    if status == 429:  # noqa: PLR2004
        try:
            wait = float(headers.get("Retry-After", ""))
        except ValueError:
            wait = None
        raise _TryAgainError("ratelimited", wait)
    if status >= 500:  # noqa: PLR2004
        raise _TryAgainError(f"status {status}", maybe=True)
    if status != 200:  # noqa: PLR2004
        raise NotPostedError(said[:80] or f"status {status}")


def _unconfirmed(what: str, error: Exception) -> NoReturn:
    raise NotPostedError(what, maybe=True) from error


def _wait(error: Exception) -> bool | float:
    """Tell stamina whether to send again, or after how many seconds."""
    if not isinstance(error, _TryAgainError):
        return False
    if error.wait is None:
        return True
    return error.wait if error.wait <= LONGEST_WAIT else False
