"""The updates of watched messages: their content, and the time at which there is room."""

from collections.abc import Callable
from datetime import datetime

from bot.durable.store import Store
from bot.slack.message import ReplyTarget
from bot.slack.messages import Poster
from bot.views.project import WatchSummary, project_message
from bot.watches.model import Watch, Watches, answer_key
from bot.watches.notification import Report, read_report, report_id
from bot.watches.update_rate_limiter import Budget

_MOST, _MOST_QUIETLY = 40, 30  # messages a minute, with news and without

Picture = tuple[Watch, WatchSummary | None]  # a message's content; None: no watch


class Answers:
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
        self._budget = Budget(now, gap)

    async def wanted(self, report: Report) -> Picture:
        """Return the content of the message: of the notification, of a newer watch, or no watch."""
        watch = report.watch
        kept = await self._watches.of(watch.channel_id, watch.ts)
        if kept is not None and kept.id != watch.id:
            return kept, kept.followed()
        if await self.is_stopped(report):
            return watch, None
        return watch, watch.followed(over=report.over, gone=report.gone)

    async def is_superseded(self, watch: Watch) -> bool:
        """Return whether a later notification exists that updates the message."""
        after = await self._store.get(report_id(watch, watch.reports + 1))
        if after is None:
            return False
        report = read_report(after)
        return report is None or report.draws

    async def is_stopped(self, report: Report) -> bool:
        """Return whether a person has stopped the watch; other ends have a notification."""
        watch, number = report.watch, report.watch.reports
        if report.over or await self._watches.of(watch.channel_id, watch.ts) is not None:
            return False
        while later := await self._store.get(report_id(watch, number := number + 1)):
            if later.state.get("over"):
                return False
        return True

    def wait(self, report: Report) -> float:
        """Return the seconds until there is room for the update; shorter with news."""
        if not report.draws:
            return 0.0
        key = answer_key(report.watch.channel_id, report.watch.ts)
        return self._budget.wait(key, _MOST if report.news else _MOST_QUIETLY)

    async def draw(self, picture: Picture) -> None:
        """Update the message. https://docs.slack.dev/reference/methods/chat.update

        Raises:
            SlackCallFailed: the update failed.
        """
        watch, followed = picture
        self._budget.spend(answer_key(watch.channel_id, watch.ts))
        message = project_message(watch.project, watch.card, followed=followed)
        await self._poster.update(ReplyTarget("", watch.channel_id), watch.ts, message)
