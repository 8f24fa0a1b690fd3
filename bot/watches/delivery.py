"""Delivery of a watch's outbox to Slack: an update of the message, and a post for each news."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from bot.access.rules import RightsUnknownError
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome
from bot.slack.message import SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.post_search import LookAgainError, PostSearch
from bot.slack.refusals import ENDINGS, PLACE_ENDINGS, takes_later
from bot.watches.changes import LONGEST
from bot.watches.model import DELIVER, Watch
from bot.watches.news import ENDS, Farewell, OutboxItem
from bot.watches.outbox_posts import OutboxPosts, thread_of
from bot.watches.progress import Attempt, DeliveryTiming, LaterError, Progress
from bot.watches.redraw import redraw
from bot.watches.rights import WatchRights
from bot.watches.store import Watches, message_key
from bot.watches.update_rate_limiter import UpdateRateLimiter

__all__ = ["DELIVER", "Delivery", "DeliveryTiming"]

log = structlog.stdlib.get_logger(__name__)

_MOST, _MOST_QUIETLY = 40, 30  # updates of messages a minute, with news and without
_STALE = timedelta(hours=1)
_UNKNOWN_AGAIN = 60.0  # seconds, while nobody tells the rights of the watchers
_MOST_FAILS = 10  # of one step, with unforeseen errors


class Delivery:
    """Deliver the outboxes of watches. One task delivers one outbox, an item at a time.

    Args:
        poster: calls Slack.
        watches: the store of watches.
        posts: posts the items.
        timing: the times.
        rights: the rights that watches live on.
    """

    def __init__(
        self,
        poster: Poster,
        watches: Watches,
        posts: OutboxPosts,
        timing: DeliveryTiming,
        rights: WatchRights,
    ) -> None:
        self._poster = poster
        self._search = PostSearch(poster, timing.searches)
        self._watches = watches
        self._posts = posts
        self._timing = timing
        self._rights = rights
        self._limiter = UpdateRateLimiter(timing.now, timing.gap)

    async def handle(self, context: TaskContext) -> Outcome:
        """Deliver until nothing is left. A later task delivers what comes after that."""
        progress = Progress.model_validate(context.task.state)
        attempt = Attempt(context, progress, began=context.task.step_may_have_run)
        watch = await self._watches.read(progress.channel_id, progress.ts)
        if watch is None or watch.courier != context.task.id:
            return Done()
        watch = _drawn(watch, progress.drawn)
        if context.task.failures >= _MOST_FAILS:
            log.error("dropped a notification", error=context.task.error)
            dropped = partial(_dropped, drawn=progress.drawn, at=self._timing.now())
            left = await self._watches.settle(watch, dropped)
            await context.checkpoint(progress.fresh().state())
            watch, attempt.began = left, False
        try:
            while watch is not None:
                if lost := await self._rights.lost(watch):
                    watch = await self._let_go(watch, lost)
                elif await self._rights.lost_follow(watch):
                    ended = partial(Watch.unfollowed, redraw=False)
                    watch = await self._watches.settle(watch, ended)
                elif watch.drawn < watch.revision:
                    watch = await self._draw(watch, attempt)
                else:
                    watch = await self._deliver(watch, attempt)
                    attempt.progress, attempt.began = attempt.progress.fresh(), False
        except LaterError as later:
            return later.outcome
        except RightsUnknownError as unknown:
            log.info("cannot tell the rights to a watch", error=str(unknown))
            return attempt.later(_UNKNOWN_AGAIN).outcome
        return Done()

    async def _let_go(self, watch: Watch, lost: Sequence[str]) -> Watch | None:
        """Take these watchers off the watch, which ends with its last one."""
        log.info("watchers have lost their right", watch=watch.id, watchers=len(lost))
        now = self._timing.now()

        def rest(kept: Watch) -> Watch:
            drawn = _drawn(kept, watch.drawn)
            return drawn.losing(lost, now) if kept.id == watch.id else drawn

        return await self._watches.settle(watch, rest)

    async def _draw(self, watch: Watch, attempt: Attempt) -> Watch | None:
        """Update the message; return the watch as it is drawn. Safe to repeat."""
        key = message_key(watch.channel_id, watch.ts)
        most = _MOST if watch.outbox else _MOST_QUIETLY
        seconds = 0.0 if watch.closing else self._limiter.delay(key, most)
        if seconds > 0:
            raise attempt.later(seconds)

        async def draw(wanted: Watch | None) -> None:
            if wanted is not None:
                self._limiter.acquire(key)
                await attempt.context.may_post()
                await self._poster.update(thread_of(wanted), wanted.ts, wanted.message())

        read = partial(self._watches.read, watch.channel_id, watch.ts)
        refused_for_good, shown = False, watch
        try:
            shown = await redraw(watch, read, draw) or watch
        except SlackCallFailed as refused:
            late = self._timing.now() - (watch.drawn_at or watch.started_at) > LONGEST
            if (takes_later(refused) or refused.outcome_unknown) and not late:
                raise attempt.retry_later(refused) from refused
            if refused.error in ENDINGS and not watch.closing:
                return await self._close(watch, refused.error)
            log.error(  # noqa: TRY400 - the error is Slack's
                "Slack refuses a part of a notification", slack_error=refused.error
            )
            refused_for_good = True
        # A reply that is in doubt remains so.
        fields = {"not_drawn": refused_for_good, "drawn": shown.revision, "tries": 0}
        attempt.progress = attempt.progress.model_copy(update=fields)
        if shown.outbox and shown.courier == watch.courier:  # one write after the post is enough
            return _drawn(shown, shown.revision)
        return await self._watches.settle(watch, partial(_drawn, revision=shown.revision))

    async def _deliver(self, watch: Watch, attempt: Attempt) -> Watch | None:
        """Post the first item, once as far as Slack allows; return the watch without it."""
        if not watch.outbox:
            return await self._watches.settle(watch, lambda kept: kept)
        item, now = watch.outbox[0], self._timing.now()
        if now - item.at > LONGEST or (now - item.at > _STALE and self._is_superseded(watch)):
            log.error("dropped a notification", slack_error="Slack took none for too long")
            return await self._done(watch, item)
        doubtful = attempt.progress.doubtful == item.id
        if (attempt.began or doubtful) and await self._is_posted(item, watch, attempt):
            return await self._done(watch, item)
        try:
            mentioned = await self._posts.post(
                item, watch, attempt.context, message_updated=not attempt.progress.not_drawn
            )
        except SlackCallFailed as refused:
            if refused.outcome_unknown:
                seconds = self._timing.searches[0]
                raise attempt.later(seconds, doubtful=item.id, searches=0) from refused
            return await self._refused(item, watch, refused, attempt)
        return await self._done(watch, item, mentioned)

    async def _done(
        self, watch: Watch, item: OutboxItem, mentioned: Sequence[str] | None = None
    ) -> Watch | None:
        """Take the item off the outbox; the people that it had no room for are next."""
        now = self._timing.now()

        def delivered(kept: Watch) -> Watch:
            drawn = _drawn(kept, watch.drawn)
            found = [each for each in kept.outbox if each.id == item.id]
            rest = self._posts.mentions_after(found[0], kept, mentioned) if found else ()
            return drawn.without(item).with_news(now, rest, first=True)

        return await self._watches.settle(watch, delivered)

    async def _is_posted(self, item: OutboxItem, watch: Watch, attempt: Attempt) -> bool:
        """Return whether the item counts as posted; False: post it."""
        if isinstance(item.news, Farewell):
            return False  # a second direct message has the same client_msg_id
        progress, since = attempt.progress, attempt.context.task.created_at
        looks = progress.searches if progress.doubtful == item.id else None
        try:
            ts = await self._search.find(thread_of(watch), item.id, since, looks)
        except LookAgainError as later:
            raise attempt.later(later.seconds, searches=later.looks) from later
        except SlackCallFailed as unread:
            if unread.retryable:
                raise attempt.retry_later(unread) from unread
            if isinstance(item.news, ENDS[:1]) and not progress.repeated:
                # A lost end is worse than a double one.
                raise attempt.later(0.0, doubtful="", repeated=True) from unread
            log.warning("an unconfirmed reply counts as posted", slack_error=unread.error)
            return True
        return ts is not None

    async def _refused(
        self, item: OutboxItem, watch: Watch, refused: SlackCallFailed, attempt: Attempt
    ) -> Watch | None:
        """Return the watch after a permanent error; it ends, or goes on without the item."""
        if takes_later(refused):
            raise attempt.retry_later(refused) from refused
        last = watch.ended and isinstance(item.news, ENDS)
        own = item.to is None and not isinstance(item.news, Farewell)
        if own and (refused.error in ENDINGS or last):
            return await self._close(watch, refused.error, unanswerable=True)
        log.error("Slack refuses a part of a notification", slack_error=refused.error)
        return await self._done(watch, item)

    async def _close(
        self, watch: Watch, slack_error: str, *, unanswerable: bool = False
    ) -> Watch | None:
        """End a watch whose message or thread takes no more; its watchers get farewells.

        If the channel takes no more, the follow that posted the message ends too.
        """
        log.info("a watch cannot go on", watch=watch.id, slack_error=slack_error)
        if slack_error in PLACE_ENDINGS:
            await self._rights.end_follow(watch, slack_error)
        answered = unanswerable and slack_error != "message_not_found"
        now = self._timing.now()

        def closed(kept: Watch) -> Watch:
            if kept.id != watch.id:  # a new watch of the message meets the error by itself
                return kept.model_copy(update={"outbox": kept.outbox[len(watch.outbox) :]})
            drawn = _drawn(kept, watch.drawn)
            return drawn.closed(now, slack_error, unanswerable=answered)

        return await self._watches.settle(watch, closed)

    @staticmethod
    def _is_superseded(watch: Watch) -> bool:
        """Return whether newer news make the first one needless."""
        first, *later = watch.outbox
        return bool(later) and not isinstance(first.news, (*ENDS, Farewell))


def _drawn(watch: Watch, revision: int) -> Watch:
    """Return the watch whose message shows at least this revision."""
    return watch.model_copy(update={"drawn": max(watch.drawn, revision)})


def _dropped(watch: Watch, drawn: int, at: datetime) -> Watch:
    """Return the watch without the step that fails again and again."""
    watch = _drawn(watch, drawn)
    if watch.drawn < watch.revision:
        return watch.model_copy(update={"drawn": watch.revision})
    if not watch.outbox:
        return watch
    item = watch.outbox[0]
    if watch.ended and isinstance(item.news, ENDS) and item.to is None:
        return watch.closed(at, "", unanswerable=False)
    return watch.without(item)
