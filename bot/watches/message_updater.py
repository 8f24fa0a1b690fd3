"""The updates of watched messages: their content, and the time at which there is room."""

from collections.abc import Callable
from datetime import datetime

from bot.durable.store import Store
from bot.slack.message import ReplyTarget
from bot.slack.messages import Poster
from bot.views.project import WatchSummary, project_message
from bot.watches.model import Watch, Watches, message_key
from bot.watches.notification import Notification, notification_id, read_notification
from bot.watches.update_rate_limiter import UpdateRateLimiter

_MOST, _MOST_QUIETLY = 40, 30  # messages a minute, with news and without

Rendering = tuple[Watch, WatchSummary | None]  # a message's content; None: no watch


class MessageUpdater:
    """Update the messages of watches.

    Args:
        poster: calls Slack.
        watches: the store of watches.
        store: holds the notifications as tasks.
        now: an aware clock.
        gap: seconds between two updates of one message by notifications.
    """

    def __init__(
        self,
        poster: Poster,
        watches: Watches,
        store: Store,
        now: Callable[[], datetime],
        gap: float,
    ) -> None:
        self._poster = poster
        self._watches = watches
        self._store = store
        self._limiter = UpdateRateLimiter(now, gap)

    async def wanted(self, notification: Notification) -> Rendering:
        """Return the content of the message: of the notification, of a newer watch, or no watch."""
        watch = notification.watch
        kept = await self._watches.get(watch.channel_id, watch.ts)
        if kept is not None and kept.id != watch.id:
            return kept, kept.summary()
        if await self.is_stopped(notification):
            return watch, None
        return watch, watch.summary(
            ended=notification.ended, project_missing=notification.project_missing
        )

    async def is_superseded(self, watch: Watch) -> bool:
        """Return whether a later notification exists that updates the message."""
        after = await self._store.get(notification_id(watch, watch.notifications + 1))
        if after is None:
            return False
        notification = read_notification(after)
        return notification is None or notification.needs_update

    async def is_stopped(self, notification: Notification) -> bool:
        """Return whether a person has stopped the watch; other ends have a notification."""
        watch, number = notification.watch, notification.watch.notifications
        if notification.ended or await self._watches.get(watch.channel_id, watch.ts) is not None:
            return False
        while later := await self._store.get(notification_id(watch, number := number + 1)):
            if later.state.get("ended"):
                return False
        return True

    def wait(self, notification: Notification) -> float:
        """Return the seconds until there is room for the update; shorter with news."""
        if not notification.needs_update:
            return 0.0
        key = message_key(notification.watch.channel_id, notification.watch.ts)
        return self._limiter.delay(key, _MOST if notification.news else _MOST_QUIETLY)

    async def draw(self, rendering: Rendering) -> None:
        """Update the message. https://docs.slack.dev/reference/methods/chat.update

        Raises:
            SlackCallFailed: the update failed.
        """
        watch, summary = rendering
        self._limiter.acquire(message_key(watch.channel_id, watch.ts))
        message = project_message(watch.project, watch.message_state, watch=summary)
        await self._poster.update(ReplyTarget("", watch.channel_id), watch.ts, message)
