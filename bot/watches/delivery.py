"""Delivery of notifications to Slack: an update of the message, and a reply for each news."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from bot.access.rules import Allows, allows
from bot.baseten.client import Baseten
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome, RunAgain, Task
from bot.durable.store import Store
from bot.slack.message import PostedMessage, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.telemetry.redaction import Redactor
from bot.views.installation import Installation
from bot.watches.changes import LONGEST, Ended
from bot.watches.direct_messages import DirectMessages
from bot.watches.message_updater import MessageUpdater, Rendering
from bot.watches.model import Watch, Watches
from bot.watches.news_messages import NewsMessages
from bot.watches.notification import (
    NOTIFY,
    NoRoomError,
    Notification,
    RetryLaterError,
    again,
    notification_id,
    read_notification,
)
from bot.watches.redraw import redraw
from bot.watches.slack_errors import ENDINGS, reads_later, takes_later

__all__ = ["NOTIFY", "NotificationHandler"]

log = structlog.stdlib.get_logger(__name__)

_AGAIN, _LONGEST_AGAIN = 30.0, 600.0  # seconds until the next attempt after a failed call
# Seconds until the next check whether the previous notification is done.
_IN_TURN, _LONGEST_IN_TURN = 5.0, 60.0
_STALE = timedelta(hours=1)
_MOST_FAILS = 10  # of one step, with unforeseen errors


class NotificationHandler:
    """Deliver notifications, a step at a time.

    Args:
        poster: calls Slack.
        baseten: returns the log lines and the capacity for the replies.
        watches: the store of watches.
        store: holds the notifications as tasks.
        redactor: redacts the log lines.
        now: an aware clock, close to the database's.
        gap: seconds between two updates of one message. The whole notification waits for them,
            because its replies follow the update.
        looks: seconds before each search for a reply with an unknown outcome.
        allows: decides who can see log lines.
        installation: the names of the commands.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - its collaborators
        self,
        poster: Poster,
        baseten: Baseten,
        watches: Watches,
        store: Store,
        redactor: Redactor,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        gap: float = 15.0,
        looks: Sequence[float] = (5.0, 25.0),
        allows: Allows = allows,
        installation: Installation | None = None,
    ) -> None:
        self._poster = poster
        self._news_messages = NewsMessages(baseten, redactor, allows)
        self._watches = watches
        self._store = store
        self._now = now
        self._looks = looks
        self._updater = MessageUpdater(poster, watches, store, now, gap)
        self._direct_messages = DirectMessages(
            poster, watches, self._updater, installation or Installation()
        )

    async def handle(self, context: TaskContext) -> Outcome:
        """Deliver one notification, after the previous one of its watch."""
        task = context.task
        if task.failures >= _MOST_FAILS:
            return await self._give_up(context)
        notification = Notification.model_validate(task.state)
        if notification.step == "update":
            # This check comes first: a thousand notifications can find no room at once.
            if (seconds := self._updater.wait(notification)) > 0:
                began = task.step_may_have_run or notification.may_be_posted
                waiting = notification.model_copy(update={"may_be_posted": began})
                return RunAgain(seconds, waiting.state())
            if not await self._is_its_turn(notification.watch):
                return again(notification, _IN_TURN, _LONGEST_IN_TURN)
        try:
            return await self._go_on(notification, context)
        except NoRoomError as full:
            return RunAgain(full.seconds, full.notification.state())
        except RetryLaterError as retry:
            return await self._retry_later(retry, context.task)

    async def _retry_later(self, retry: RetryLaterError, task: Task) -> Outcome:
        """Reschedule the notification, or drop it if it is out of date."""
        notification, age = retry.notification, self._now() - task.created_at
        superseded = (
            age > _STALE
            and not notification.ended
            and await self._updater.is_superseded(notification.watch)
        )
        if superseded or age > LONGEST:
            log.error("dropped a notification", slack_error=str(retry))
            return Done()
        log.info("cannot deliver a notification now", slack_error=str(retry))
        if retry.in_seconds is not None:
            return RunAgain(retry.in_seconds, notification.state())
        later = again(notification, max(_AGAIN, retry.wait), max(_LONGEST_AGAIN, retry.wait))
        return replace(later, step_may_have_run=task.step_may_have_run)

    async def _give_up(self, context: TaskContext) -> Outcome:
        """Drop a notification after too many failures; send the end of a watch directly."""
        log.error("dropped a notification", error=context.task.error)
        notification = read_notification(context.task)
        if notification is None or notification.step == "direct":
            return Done()
        if not notification.ended and notification.step != "close":  # the next notification will do
            return Done()
        told = notification.model_copy(update={"step": "direct", "done": 0})
        await context.checkpoint(told.state())
        return await self.handle(context)

    async def _is_its_turn(self, watch: Watch) -> bool:
        before = await self._store.get(notification_id(watch, watch.notifications - 1))
        return before is None or before.ended or read_notification(before) is None

    async def _go_on(self, notification: Notification, context: TaskContext) -> Outcome:
        while True:
            match notification.step:
                case "update":
                    notification = await self._update(notification, context)
                case "reply" if notification.done < len(notification.news):
                    notification = await self._reply(notification, context)
                case "close":
                    notification = await self._direct_messages.end_watch(notification, context)
                case "direct" if notification.done < len(notification.watch.watchers):
                    notification = await self._direct_messages.send(notification, context)
                case _:
                    return Done()
            fresh = {"may_be_posted": False, "looks": 0, "repeated": False, "tries": 0}
            notification = notification.model_copy(update=fresh)
            await context.checkpoint(notification.state())

    async def _update(self, notification: Notification, context: TaskContext) -> Notification:
        """Update the message, unless a newer notification will. Safe to repeat."""
        watch, then = notification.watch, notification.model_copy(update={"step": "reply"})
        if not notification.needs_update:
            return then
        wanted = await self._updater.wanted(notification)
        own = wanted[0] is watch and wanted[1] is not None
        # After an attempt with an unknown outcome, the message might show an old state.
        began = context.task.step_may_have_run or notification.may_be_posted
        if not began and (not own or await self._updater.is_superseded(watch)):
            return then
        if (seconds := self._updater.wait(notification)) > 0:
            raise NoRoomError(notification.model_copy(update={"may_be_posted": began}), seconds)

        async def draw(rendering: Rendering) -> None:
            await context.may_post()
            await self._updater.draw(rendering)

        try:
            shown = await redraw(wanted, partial(self._updater.wanted, notification), draw)
        except SlackCallFailed as refused:
            return await self._refused(_may_be_posted(notification), refused) or then
        return then.model_copy(update={"message_updated": shown is not None and shown[0] is watch})

    async def _reply(self, notification: Notification, context: TaskContext) -> Notification:
        """Post the next news as a reply; post it only once, as far as Slack allows.

        https://docs.slack.dev/reference/methods/chat.postMessage
        """
        watch, number = notification.watch, notification.done
        if await self._updater.is_stopped(notification):
            return notification.model_copy(update={"done": len(notification.news)})
        then = notification.model_copy(update={"done": number + 1})
        if (context.task.step_may_have_run or notification.may_be_posted) and await self._looked(
            notification, context.task
        ):
            return then
        message = await self._news_messages.build(
            notification.news[number], watch, message_updated=notification.message_updated
        )
        try:
            posted = await self._poster.post(
                _thread(watch),
                message,
                notification.next_id,
                guard=context.may_post,
                parked=context.park,
            )
        except SlackCallFailed as refused:
            if not refused.outcome_unknown:
                return await self._refused(notification, refused) or then
            doubtful = notification.model_copy(update={"may_be_posted": True, "looks": 0})
            raise RetryLaterError(doubtful, refused, self._looks[0]) from refused
        if posted.thread_ts is None:
            return await self._posted_outside_thread(notification, posted)
        return then

    async def _posted_outside_thread(
        self, notification: Notification, posted: PostedMessage
    ) -> Notification:
        """Delete a reply that Slack posted outside the thread of a deleted message."""
        try:
            await self._poster.delete_message(posted)
        except SlackCallFailed as refused:
            log.warning("cannot delete a reply outside its thread", slack_error=refused.error)
        whole = notification.watch.ts == notification.watch.thread_ts
        return await self._ended(notification, "message_not_found" if whole else "thread_not_found")

    async def _looked(self, notification: Notification, task: Task) -> bool:
        """Return whether the next reply counts as posted; False: post it.

        Raises:
            RetryLaterError: search the thread once more, later.
        """
        try:
            ts = await self._poster.find_message_ts(
                _thread(notification.watch), notification.next_id, task.created_at
            )
        except SlackCallFailed as unread:
            if reads_later(unread):
                raise RetryLaterError(notification, unread) from unread
            log.info("the bot cannot search a thread", slack_error=unread.error)
            if not notification.may_be_posted:
                return False  # after a kill; the repeat has the same client_msg_id
            end = isinstance(notification.news[notification.done], Ended)
            if end and not notification.repeated:  # a lost end is worse than a double one
                again = notification.model_copy(update={"repeated": True, "may_be_posted": False})
                raise RetryLaterError(again, unread, 0.0) from unread
            log.warning("an unconfirmed reply counts as posted", slack_error=unread.error)
            return True
        if ts is None and notification.may_be_posted and notification.looks + 1 < len(self._looks):
            later = notification.model_copy(update={"looks": notification.looks + 1})
            raise RetryLaterError(later, SlackCallFailed("not there yet"), self._looks[later.looks])
        return ts is not None

    async def _refused(
        self, notification: Notification, refused: SlackCallFailed
    ) -> Notification | None:
        """Return the notification's next state after a permanent error; None: skip this part.

        Raises:
            RetryLaterError: the error is temporary.
        """
        if takes_later(refused) or refused.outcome_unknown:
            raise RetryLaterError(notification, refused) from refused
        if refused.error in ENDINGS:
            return await self._ended(notification, refused.error)
        log.error("Slack refuses a part of a notification", slack_error=refused.error)
        if notification.ended and notification.step == "reply":
            # This was the last one: message the watchers directly.
            fields = {"slack_error": refused.error, "unanswerable": True}
            return notification.model_copy(update={"step": "direct", "done": 0} | fields)
        return None

    async def _ended(self, notification: Notification, slack_error: str) -> Notification:
        """Return the notification's next state if the message or its thread takes no more."""
        watch = notification.watch
        skipped = notification.model_copy(update={"step": "reply", "done": len(notification.news)})
        if await self._updater.is_superseded(watch):  # the later one gets the same error
            return skipped
        kept = await self._watches.get(watch.channel_id, watch.ts)
        if kept is not None and kept.id != watch.id:  # its own notifications get the same error
            return skipped
        log.info("a watch cannot go on", watch=watch.id, slack_error=slack_error)
        unanswerable = notification.step == "reply" and slack_error != "message_not_found"
        fields = {"slack_error": slack_error, "unanswerable": unanswerable}
        return notification.model_copy(update={"step": "close", "done": 0} | fields)


def _thread(watch: Watch) -> ReplyTarget:
    return ReplyTarget("", watch.channel_id, thread_ts=watch.thread_ts)


def _may_be_posted(notification: Notification) -> Notification:
    return notification.model_copy(update={"may_be_posted": True})
