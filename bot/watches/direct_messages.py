"""The end of a watch that cannot go on: each watcher gets a direct message with the reason."""

from contextlib import suppress

import structlog

from bot.durable.context import TaskContext
from bot.slack.message import ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.views.installation import Installation
from bot.views.watch import farewell_message
from bot.watches.message_updater import MessageUpdater
from bot.watches.model import Watches
from bot.watches.notification import Notification, RetryLaterError
from bot.watches.slack_errors import takes_later

log = structlog.stdlib.get_logger(__name__)


class DirectMessages:
    """Do the last two steps of a notification after Slack refuses its message or thread.

    Args:
        poster: calls Slack.
        watches: the store of watches.
        updater: updates the messages.
        installation: the names of the commands.
    """

    def __init__(
        self, poster: Poster, watches: Watches, updater: MessageUpdater, installation: Installation
    ) -> None:
        self._poster = poster
        self._watches = watches
        self._updater = updater
        self._installation = installation

    async def end_watch(self, notification: Notification, context: TaskContext) -> Notification:
        """End the watch, and if possible remove it from the message; return the next state.

        Raises:
            RetryLaterError: Slack cannot update the message now.
        """
        watch, then = notification.watch, notification.model_copy(update={"step": "direct"})
        kept = await self._watches.get(watch.channel_id, watch.ts)
        if kept is not None and kept.id != watch.id:
            return then
        await self._watches.delete(watch.channel_id, watch.ts, watch.id)
        if notification.ended or not notification.unanswerable:
            return then
        await context.may_post()
        try:
            await self._updater.draw((watch, watch.summary(ended=True)))
        except SlackCallFailed as refused:
            if takes_later(refused) or refused.outcome_unknown:
                raise RetryLaterError(notification, refused) from refused
            log.info("cannot remove a watch from its message", slack_error=refused.error)
        return then

    async def send(self, notification: Notification, context: TaskContext) -> Notification:
        """Send a direct message to the next watcher; return the next state.

        Raises:
            RetryLaterError: Slack cannot take the message now.
        """
        watch, project = notification.watch, notification.watch.project
        user_id = watch.watchers[notification.done]
        then = notification.model_copy(update={"done": notification.done + 1})
        if not user_id:
            return then
        message = farewell_message(
            project,
            project.team_name or watch.message_state.team,
            watch.channel_id,
            notification.slack_error,
            self._installation,
            unanswerable=notification.unanswerable,
        )
        post_id, guard = f"{notification.next_id}:{user_id}", context.may_post
        try:
            await self._poster.post(ReplyTarget(user_id), message, post_id, guard=guard)
        except SlackCallFailed as refused:
            if takes_later(refused):
                raise RetryLaterError(notification, refused) from refused
            if refused.outcome_unknown:
                log.warning("an unconfirmed message counts as posted", slack_error=refused.error)
                return then
            there = ReplyTarget(user_id, watch.channel_id)
            with suppress(SlackCallFailed):  # the poster has logged it
                await self._poster.send_privately(there, message, guard=guard)
        return then
