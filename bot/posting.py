"""What the bot says reaches Slack: everyone in a channel, or one person."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.message import Message, SlackCallFailed
from bot.redaction import Redactor
from bot.slack_calls import call_slack, raise_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slack_sdk.web.async_slack_response import AsyncSlackResponse

log = structlog.stdlib.get_logger(__name__)

_NOT_A_MEMBER = frozenset({"not_in_channel", "channel_not_found"})
_EVENT = "training_project"  # the type of our messages' metadata
_CLOCKS = timedelta(minutes=1)  # that Slack's clock and the database's may differ


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person asked for something, and how to answer there.

    Attributes:
        user_id: who asked; empty for a workflow without a person.
        channel_id: where it was asked; empty where there is no channel, as in App Home.
        response_url: works for 30 minutes and 5 messages, even where the bot is not a member.
        thread_ts: the thread to answer in.
    """

    user_id: str
    channel_id: str = ""
    response_url: str | None = field(default=None, repr=False)
    thread_ts: str | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message is.

    Attributes:
        channel_id: the channel, or the direct message with the person.
        ts: which message; empty where it went through a response URL, which does not tell.
        as_member: whether the bot may change it later.
        thread_ts: the thread that it is in; None outside of one.
    """

    channel_id: str
    ts: str
    as_member: bool
    thread_ts: str | None = None


class Poster:
    """Post as the bot; what may have arrived is not sent again from here.

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

    async def post(self, place: Place, message: Message, post_id: str = "") -> Posted:
        """Post for everyone in the channel; where the bot may not, answer as best it can.

        That is through the response URL, for everyone too, or else to the person alone.
        https://docs.slack.dev/reference/methods/chat.postMessage

        Args:
            place: where.
            message: what.
            post_id: goes along as metadata, so that `find` can tell that it is there.

        Raises:
            SlackCallFailed: Slack did not take the message, or did not confirm it.
        """
        payload = self._payload(message)
        if post_id:
            payload["metadata"] = {"event_type": _EVENT, "event_payload": {"work": post_id}}
        try:
            return await self._post(place.channel_id, place.thread_ts, payload)
        except SlackCallFailed as refused:
            if refused.outcome_unknown:
                raise
            log.info("cannot post in the channel", slack_error=refused.error)
            return await self._post_otherwise(place, payload, refused)

    async def find(self, place: Place, post_id: str, since: datetime) -> str | None:
        """Look whether a message is there that was posted for this work, and return its ``ts``.

        https://docs.slack.dev/reference/methods/conversations.history
        https://docs.slack.dev/reference/methods/conversations.replies

        Args:
            place: the channel, or the thread.
            post_id: what the message carries as metadata.
            since: when the work was accepted; nothing older is looked at.

        Raises:
            SlackCallFailed: the bot may not read there, as with the least scopes.
        """
        asked: dict[str, Any] = {
            "channel": place.channel_id,
            "oldest": f"{(since - _CLOCKS).timestamp():.6f}",
            "include_all_metadata": True,
            "limit": 200,
        }
        read: Callable[..., Awaitable[AsyncSlackResponse]] = self._client.conversations_history
        if place.thread_ts is not None:
            read, asked["ts"] = self._client.conversations_replies, place.thread_ts
        while True:  # to the last page: a busy channel fills many while a process is away
            answer = await call_slack(partial(read, **asked), idempotent=True)
            for message in answer.get("messages") or ():
                carried = message.get("metadata", {}).get("event_payload", {})
                if carried.get("work") == post_id:
                    ts: str = message["ts"]
                    return ts
            asked["cursor"] = (answer.get("response_metadata") or {}).get("next_cursor")
            if not asked["cursor"]:
                return None

    async def _post_otherwise(
        self, place: Place, payload: dict[str, Any], refused: SlackCallFailed
    ) -> Posted:
        as_member = refused.error not in _NOT_A_MEMBER
        if place.response_url is not None:
            everyone = {"response_type": "in_channel", "replace_original": False}
            try:
                await self._respond(place, payload | everyone)
            except SlackCallFailed as error:
                if error.outcome_unknown:
                    raise
            else:
                return Posted(place.channel_id, "", as_member)
        if refused.retryable or not place.user_id:
            raise refused
        alone = await self._post(place.user_id, None, payload)
        return replace(alone, as_member=as_member)

    async def update(self, place: Place, ts: str, message: Message) -> None:
        """Change a message in place; one that went through a response URL, by the click's own.

        https://docs.slack.dev/reference/methods/chat.update

        Raises:
            SlackCallFailed: Slack did not take the change, or did not confirm it.
        """
        payload = self._payload(message)
        try:
            await call_slack(
                lambda: self._client.chat_update(channel=place.channel_id, ts=ts, **payload),
                idempotent=True,
            )
        except SlackCallFailed:
            if place.response_url is None:
                raise
            await self._respond(place, payload | {"replace_original": True})

    async def delete_ephemeral(self, place: Place) -> None:
        """Take away the message that was clicked, which only one person sees."""
        try:
            await self._respond(place, {"delete_original": True})
        except SlackCallFailed as refused:
            log.info("could not remove an answered question", slack_error=refused.error)

    async def delete_message(self, posted: Posted) -> None:
        """Take a message of the bot's own away. https://docs.slack.dev/reference/methods/chat.delete

        Raises:
            SlackCallFailed: Slack did not.
        """
        await call_slack(lambda: self._client.chat_delete(channel=posted.channel_id, ts=posted.ts))

    async def send_privately(self, place: Place, message: Message) -> None:
        """Tell one person, by the first way that works.

        Raises:
            SlackCallFailed: none did; ``retryable`` if one of them may work later.
        """
        payload = self._payload(message)
        alone = {"response_type": "ephemeral", "replace_original": False}
        ways: list[Callable[[], Awaitable[Any]]] = []
        if place.response_url is not None:
            ways.append(lambda: self._respond(place, payload | alone))
        if place.channel_id and place.user_id:
            ways.append(lambda: self._post_ephemeral(place, payload))
        if place.user_id:
            ways.append(lambda: self._post(place.user_id, None, payload))
        refusals = []
        for way in ways:
            try:
                await way()
            except SlackCallFailed as refused:
                log.warning("could not tell the person", slack_error=refused.error)
                refusals.append(refused)
            else:
                return
        log.error("no way to tell the person", user=place.user_id, channel=place.channel_id)
        passing = any(refused.retryable for refused in refusals)
        wait = max((refused.retry_after for refused in refusals), default=0.0)
        raise SlackCallFailed(
            refusals[-1].error if refusals else "no_way", retryable=passing, retry_after=wait
        )

    async def _post(self, channel: str, thread_ts: str | None, payload: dict[str, Any]) -> Posted:
        if not channel:
            raise SlackCallFailed("channel_not_found")
        answer = await call_slack(
            lambda: self._client.chat_postMessage(
                channel=channel,
                thread_ts=thread_ts,
                unfurl_links=False,
                unfurl_media=False,
                **payload,
            )
        )
        return Posted(
            answer.get("channel") or channel,
            answer.get("ts") or "",
            as_member=True,
            thread_ts=(answer.get("message") or {}).get("thread_ts"),
        )

    async def _post_ephemeral(self, place: Place, payload: dict[str, Any]) -> None:
        await call_slack(
            lambda: self._client.chat_postEphemeral(
                channel=place.channel_id, user=place.user_id, thread_ts=place.thread_ts, **payload
            )
        )

    async def _respond(self, place: Place, payload: dict[str, Any]) -> None:
        """Answer a command or a click; this client never raises, so its answer is looked at."""
        webhook = AsyncWebhookClient(
            place.response_url or "", session=self._session, retry_handlers=[]
        )
        if place.thread_ts:
            payload = payload | {"thread_ts": place.thread_ts}

        async def send() -> None:
            answer = await webhook.send_dict(payload)
            raise_for(answer.status_code, answer.headers, answer.body)

        await call_slack(send)

    def _payload(self, message: Message) -> dict[str, Any]:
        payload: dict[str, Any] = self._redactor.tree(message.payload())
        return payload
