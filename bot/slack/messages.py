"""Post, find, update and delete messages: for everyone in a channel, or for one person.

A second post would be visible to everyone. After an unknown outcome, this module therefore never
sends the post again, neither in the same way nor in another way. The caller searches for the
message with `Poster.find_message_ts`, and decides.
"""

from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.channel_gate import ChannelGate, Parked
from bot.slack.history import find_message_ts
from bot.slack.message import Message, PostedMessage, ReplyTarget, SlackCallFailed
from bot.slack.message_id import identity
from bot.slack.web_api import (
    RATE_LIMITED,
    Guard,
    call_slack,
    no_guard,
    post_to_response_url,
    send_once,
)
from bot.telemetry.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slack_sdk.web.async_slack_response import AsyncSlackResponse

log = structlog.stdlib.get_logger(__name__)

_NOT_A_MEMBER = frozenset({"not_in_channel", "channel_not_found"})
_SHORT_LIMIT = 1.0  # seconds of waiting for a channel, for a caller that holds its slot
_LONG_LIMIT = 60.0  # seconds of rate limit, after which another way to post is better
Payload: TypeAlias = dict[str, Any]


class Poster:
    """Post, find, update and delete messages as the bot.

    A `guard` runs before each request that posts. If it raises, nothing is sent, and its error
    reaches the caller.

    Args:
        client: Slack's Web API, with the bot's token and without retries of its own.
        session: sends the requests to response URLs. It must not follow redirects.
        redactor: redacts the secrets in every message.
        gate: limits the posts of each channel.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        session: aiohttp.ClientSession,
        redactor: Redactor,
        gate: ChannelGate | None = None,
    ) -> None:
        self._client, self._session, self._redactor = client, session, redactor
        self._gate = ChannelGate() if gate is None else gate

    async def post(
        self,
        place: ReplyTarget,
        message: Message,
        post_id: str = "",
        *,
        guard: Guard = no_guard,
        parked: Parked = nullcontext,
    ) -> PostedMessage:
        """Post a message for everyone in the channel, and return its place.

        If Slack refuses, the response URL is next, which also posts for everyone. If that fails
        too, the person gets a direct message.
        https://docs.slack.dev/reference/methods/chat.postMessage

        Args:
            place: the channel or thread.
            message: the message.
            post_id: the id of the post, the same for each repeat. It identifies the message.
            guard: runs immediately before each request.
            parked: a context that is entered while the post waits for its turn in the channel.

        Raises:
            SlackCallFailed: Slack refused the message, or the outcome is unknown.
                ``retryable`` if nothing was posted and a later post can succeed. ``elsewhere`` if
                a search cannot find the message: it went to a response URL or to the person.
        """
        payload = self._payload(message)
        as_bot = payload | identity(post_id)
        try:
            return await self._post(place.channel_id, place.thread_ts, as_bot, guard, parked)
        except SlackCallFailed as refused:
            soon = refused.retryable and refused.retry_after <= _LONG_LIMIT
            if refused.outcome_unknown or soon:
                raise
            log.info("cannot post in the channel", slack_error=refused.error)
            as_member = refused.error not in _NOT_A_MEMBER
            if place.response_url is not None:
                everyone = {"response_type": "in_channel", "replace_original": False}
                try:
                    await self._respond(place, payload | everyone, guard)
                except SlackCallFailed as error:
                    if error.outcome_unknown:
                        error.elsewhere = True
                        raise
                    log.info("cannot post by the response URL", slack_error=error.error)
                else:
                    return PostedMessage(place.channel_id, "", as_member)
            if refused.retryable or not place.user_id:
                raise
        try:
            alone = await self._post(place.user_id, None, as_bot, guard, parked)
        except SlackCallFailed as error:
            error.elsewhere = True
            raise
        return replace(alone, as_member=as_member)

    async def find_message_ts(
        self, place: ReplyTarget, post_id: str, since: datetime
    ) -> str | None:
        """Return the ``ts`` of the message with this post id; None if the channel has none.

        https://docs.slack.dev/reference/methods/conversations.history
        https://docs.slack.dev/reference/methods/conversations.replies

        Args:
            place: the channel, or the thread.
            post_id: the id of the post.
            since: the time at which its task was enqueued. Older messages are ignored.

        Raises:
            SlackCallFailed: the bot cannot read the channel, for example without the scopes.
        """
        return await find_message_ts(self._client, place, post_id, since)

    async def update(self, place: ReplyTarget, ts: str, message: Message) -> None:
        """Replace the content of a message.

        If Slack refuses, the response URL replaces the message that was clicked.
        https://docs.slack.dev/reference/methods/chat.update

        Raises:
            SlackCallFailed: Slack refused the change, or the outcome is unknown.
        """
        payload = self._payload(message)
        try:
            await call_slack(
                partial(self._client.chat_update, channel=place.channel_id, ts=ts, **payload),
                idempotent=True,
            )
        except SlackCallFailed as refused:
            if refused.outcome_unknown or place.response_url is None:
                raise
            await self._respond(place, payload | {"replace_original": True})

    async def delete_ephemeral(self, place: ReplyTarget) -> None:
        """Delete the ephemeral message that was clicked. A failure is only logged.

        https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
        """
        try:
            await self._respond(place, {"delete_original": True})
        except SlackCallFailed as refused:
            log.info("cannot delete an ephemeral message", slack_error=refused.error)

    async def replace_ephemeral(self, place: ReplyTarget, message: Message) -> None:
        """Replace the ephemeral message that was clicked; if that fails, send another one.

        https://docs.slack.dev/interactivity/handling-user-interaction#message_responses

        Raises:
            SlackCallFailed: Slack refused every way.
        """
        replaced = self._payload(message) | {"replace_original": True}
        try:
            await self._respond(place, replaced)
        except SlackCallFailed as refused:
            log.info("cannot replace an ephemeral message", slack_error=refused.error)
            if not refused.outcome_unknown:
                await self.send_privately(place, message)

    async def delete_message(self, posted: PostedMessage) -> None:
        """Delete a message of the bot. https://docs.slack.dev/reference/methods/chat.delete

        Raises:
            SlackCallFailed: Slack refused, or the outcome is unknown. A message that no longer
                exists is no error.
        """
        delete = partial(self._client.chat_delete, channel=posted.channel_id, ts=posted.ts)
        try:
            await call_slack(delete, idempotent=True)
        except SlackCallFailed as refused:
            if refused.error != "message_not_found":
                raise

    async def send_privately(
        self, place: ReplyTarget, message: Message, post_id: str = "", *, guard: Guard = no_guard
    ) -> None:
        """Send a message to one person: an ephemeral message, or else a direct message.

        The ways are the response URL, ``chat.postEphemeral`` and ``chat.postMessage``, in this
        order. An unknown outcome counts as sent, because a second message would only disturb.
        https://docs.slack.dev/reference/methods/chat.postEphemeral

        Raises:
            SlackCallFailed: Slack refused every way. ``retryable`` if one of them can work later.
        """
        payload = self._payload(message)
        alone = {"response_type": "ephemeral", "replace_original": False}
        ways: list[Callable[[], Awaitable[Any]]] = []
        if place.response_url is not None:
            ways.append(lambda: self._respond(place, payload | alone, guard))
        if place.channel_id and place.user_id:
            ways.append(lambda: self._post_ephemeral(place, payload, guard))
        if place.user_id:
            direct = payload | identity(post_id)
            ways.append(lambda: self._post(place.user_id, None, direct, guard, nullcontext))
        refusals = []
        for way in ways:
            try:
                await way()
            except SlackCallFailed as refused:
                if refused.outcome_unknown:
                    log.warning("an unknown outcome counts as sent", slack_error=refused.error)
                    return
                log.warning("cannot send a private message this way", slack_error=refused.error)
                refusals.append(refused)
            else:
                return
        log.error("cannot send a private message", user=place.user_id, channel=place.channel_id)
        raise SlackCallFailed(
            refusals[-1].error if refusals else "no_way",
            retryable=any(refused.retryable for refused in refusals),
            retry_after=max((refused.retry_after for refused in refusals), default=0.0),
        )

    async def _post(
        self, channel: str, thread_ts: str | None, payload: Payload, guard: Guard, parked: Parked
    ) -> PostedMessage:
        if not channel:
            raise SlackCallFailed("channel_not_found")

        async def send() -> "AsyncSlackResponse":
            try:
                return await send_once(
                    partial(
                        self._client.chat_postMessage,
                        channel=channel,
                        thread_ts=thread_ts,
                        unfurl_links=False,
                        unfurl_media=False,
                        **payload,
                    )
                )
            except SlackCallFailed as refused:
                if refused.error in RATE_LIMITED:
                    self._gate.pause(channel, refused.retry_after or 1.0)
                raise

        longest = _LONG_LIMIT if parked is not nullcontext else _SHORT_LIMIT
        if (wait := self._gate.paused_for(channel)) > longest:
            raise SlackCallFailed("ratelimited", retryable=True, retry_after=wait)
        async with self._gate.place(channel, parked):
            answer = await call_slack(send, guard=guard)
        return PostedMessage(
            answer.get("channel") or channel,
            answer.get("ts") or "",
            as_member=True,
            thread_ts=(answer.get("message") or {}).get("thread_ts"),
        )

    async def _post_ephemeral(self, place: ReplyTarget, payload: Payload, guard: Guard) -> None:
        send = partial(
            self._client.chat_postEphemeral,
            channel=place.channel_id,
            user=place.user_id,
            thread_ts=place.ephemeral_thread_ts,
            **payload,
        )
        await call_slack(send, guard=guard)

    async def _respond(self, place: ReplyTarget, payload: Payload, guard: Guard = no_guard) -> None:
        for_all = payload.get("response_type") == "in_channel"
        if ts := place.thread_ts if for_all else place.ephemeral_thread_ts:
            payload = payload | {"thread_ts": ts}
        await post_to_response_url(self._session, place.response_url or "", payload, guard)

    def _payload(self, message: Message) -> Payload:
        payload: Payload = self._redactor.tree(message.payload())
        return payload
