"""The posts of the items of an outbox: replies in the thread, and direct messages."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from bot.durable.context import TaskContext
from bot.slack.message import Message, PostedMessage, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.refusals import takes_later
from bot.views.job import status
from bot.views.watch import MOST_MENTIONED
from bot.watches.model import Watch
from bot.watches.news import MENTIONING, Ended, Farewell, Mentions, NewerJob, News, OutboxItem
from bot.watches.news_messages import NewsMessages

log = structlog.stdlib.get_logger(__name__)

_MOST_IN_ONE = 100  # people in one further reply


@dataclass(frozen=True, slots=True)
class OutboxPosts:
    """Post the items of outboxes.

    Attributes:
        poster: calls Slack.
        messages: builds the messages.
    """

    poster: Poster
    messages: NewsMessages

    async def post(
        self, item: OutboxItem, watch: Watch, context: TaskContext, *, message_updated: bool
    ) -> Sequence[str]:
        """Post an item; return the people whom it is for.

        Raises:
            SlackCallFailed: Slack refused it, or the outcome of a reply is unknown.
        """
        audience = _audience(item, watch)
        message = await self.messages.build(
            item.news, watch, audience, message_updated=message_updated
        )
        if isinstance(item.news, Farewell):
            await self._send_farewell(item.id, item.news.user_id, message, watch, context)
            return ()
        posted = await self.poster.post(
            thread_of(watch), message, item.id, guard=context.may_post, parked=context.park
        )
        if posted.thread_ts is None:
            await self._delete_outside_thread(posted)
            whole = watch.ts == watch.thread_ts
            raise SlackCallFailed("message_not_found" if whole else "thread_not_found")
        return audience

    def mentions_after(
        self, item: OutboxItem, watch: Watch, mentioned: Sequence[str] | None
    ) -> list[News]:
        """Return the replies that mention the people for whom a reply had no room.

        Args:
            item: the posted item.
            watch: the watch after the post.
            mentioned: the people whom the reply was for; None: they are not known.
        """
        if not isinstance(item.news, MENTIONING):
            return []
        told = (mentioned if mentioned is not None else _audience(item, watch))[:MOST_MENTIONED]
        left = [each for each in _audience(item, watch) if each and each not in told]
        return [
            Mentions(user_ids=tuple(left[start : start + _MOST_IN_ONE]))
            for start in range(0, len(left), _MOST_IN_ONE)
        ]

    async def _send_farewell(
        self, post_id: str, user_id: str, message: Message, watch: Watch, context: TaskContext
    ) -> None:
        """Send a direct message; an unknown outcome counts as sent."""
        guard = context.may_post
        try:
            await self.poster.post(ReplyTarget(user_id), message, post_id, guard=guard)
        except SlackCallFailed as refused:
            if takes_later(refused):
                raise
            if refused.outcome_unknown:
                log.warning("an unconfirmed message counts as posted", slack_error=refused.error)
                return
            there = ReplyTarget(user_id, watch.channel_id)
            with suppress(SlackCallFailed):  # the poster has logged it
                await self.poster.send_privately(there, message, guard=guard)

    async def _delete_outside_thread(self, posted: PostedMessage) -> None:
        """Delete a reply that Slack posted outside the thread of a deleted message."""
        try:
            await self.poster.delete_message(posted)
        except SlackCallFailed as refused:
            log.warning("cannot delete a reply outside its thread", slack_error=refused.error)


def thread_of(watch: Watch) -> ReplyTarget:
    """Return the thread that a watch replies in."""
    return ReplyTarget("", watch.channel_id, thread_ts=watch.thread_ts)


def _audience(item: OutboxItem, watch: Watch) -> tuple[str, ...]:
    """Return the people whom an item is for."""
    people = watch.watchers if item.to is None else item.to
    if isinstance(item.news, NewerJob):
        people = (*people, *item.news.also)
    if isinstance(item.news, Ended) and watch.follow and status(item.news.job).failed:
        people = (*people, *watch.follow.mentions)
    return tuple(dict.fromkeys(each for each in people if each))
