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
from bot.watches.changes import LONGEST, Ended
from bot.watches.direct_messages import Farewells
from bot.watches.message_updater import Answers, Picture
from bot.watches.model import Watch, Watches
from bot.watches.news_messages import Words
from bot.watches.notification import (
    REPORT,
    NoRoomError,
    PutOffError,
    Report,
    again,
    read_report,
    report_id,
)
from bot.watches.redraw import redraw
from bot.watches.slack_errors import ENDINGS, reads_later, takes_later

__all__ = ["REPORT", "Reports"]

log = structlog.stdlib.get_logger(__name__)

_AGAIN, _LONGEST_AGAIN = 30.0, 600.0  # seconds until the next attempt after a failed call
# Seconds until the next check whether the previous notification is done.
_IN_TURN, _LONGEST_IN_TURN = 5.0, 60.0
_STALE = timedelta(hours=1)
_MOST_FAILS = 10  # of one step, with unforeseen errors


class Reports:
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
    ) -> None:
        self._poster = poster
        self._words = Words(baseten, redactor, allows)
        self._watches = watches
        self._store = store
        self._now = now
        self._looks = looks
        self._answers = Answers(poster, watches, store, now, gap)
        self._farewells = Farewells(poster, watches, self._answers)

    async def handle(self, context: TaskContext) -> Outcome:
        """Deliver one notification, after the previous one of its watch."""
        task = context.task
        if task.failures >= _MOST_FAILS:
            return await self._give_up(context)
        report = Report.model_validate(task.state)
        if report.step == "update":
            # This check comes first: a thousand notifications can find no room at once.
            if (seconds := self._answers.wait(report)) > 0:
                unsure = task.step_may_have_run or report.unsure
                return RunAgain(seconds, report.model_copy(update={"unsure": unsure}).state())
            if not await self._is_its_turn(report.watch):
                return again(report, _IN_TURN, _LONGEST_IN_TURN)
        try:
            return await self._go_on(report, context)
        except NoRoomError as full:
            return RunAgain(full.seconds, full.report.state())
        except PutOffError as put_off:
            return await self._put_off(put_off, context.task)

    async def _put_off(self, put_off: PutOffError, task: Task) -> Outcome:
        """Reschedule the notification, or drop it if it is out of date."""
        report, age = put_off.report, self._now() - task.created_at
        superseded = (
            age > _STALE and not report.over and await self._answers.is_superseded(report.watch)
        )
        if superseded or age > LONGEST:
            log.error("dropped a notification", slack_error=str(put_off))
            return Done()
        log.info("cannot deliver a notification now", slack_error=str(put_off))
        if put_off.in_seconds is not None:
            return RunAgain(put_off.in_seconds, report.state())
        later = again(report, max(_AGAIN, put_off.wait), max(_LONGEST_AGAIN, put_off.wait))
        return replace(later, step_may_have_run=task.step_may_have_run)

    async def _give_up(self, context: TaskContext) -> Outcome:
        """Drop a notification after too many failures; send the end of a watch directly."""
        log.error("dropped a notification", error=context.task.error)
        report = read_report(context.task)
        if report is None or report.step == "farewell":
            return Done()
        if not report.over and report.step != "close":  # the next notification will do
            return Done()
        told = report.model_copy(update={"step": "farewell", "done": 0})
        await context.checkpoint(told.state())
        return await self.handle(context)

    async def _is_its_turn(self, watch: Watch) -> bool:
        before = await self._store.get(report_id(watch, watch.reports - 1))
        return before is None or before.ended or read_report(before) is None

    async def _go_on(self, report: Report, context: TaskContext) -> Outcome:
        while True:
            match report.step:
                case "update":
                    report = await self._update(report, context)
                case "reply" if report.done < len(report.news):
                    report = await self._reply(report, context)
                case "close":
                    report = await self._farewells.close(report, context)
                case "farewell" if report.done < len(report.watch.watchers):
                    report = await self._farewells.tell(report, context)
                case _:
                    return Done()
            fresh = {"unsure": False, "looks": 0, "repeated": False, "tries": 0}
            report = report.model_copy(update=fresh)
            await context.checkpoint(report.state())

    async def _update(self, report: Report, context: TaskContext) -> Report:
        """Update the message, unless a newer notification will. Safe to repeat."""
        watch, then = report.watch, report.model_copy(update={"step": "reply"})
        if not report.draws:
            return then
        wanted = await self._answers.wanted(report)
        own = wanted[0] is watch and wanted[1] is not None
        # After an attempt with an unknown outcome, the message might show an old state.
        began = context.task.step_may_have_run or report.unsure
        if not began and (not own or await self._answers.is_superseded(watch)):
            return then
        if (seconds := self._answers.wait(report)) > 0:
            raise NoRoomError(report.model_copy(update={"unsure": began}), seconds)

        async def draw(picture: Picture) -> None:
            await context.may_post()
            await self._answers.draw(picture)

        try:
            shown = await redraw(wanted, partial(self._answers.wanted, report), draw)
        except SlackCallFailed as refused:
            return await self._refused(_unsure(report), refused) or then
        return then.model_copy(update={"drawn": shown is not None and shown[0] is watch})

    async def _reply(self, report: Report, context: TaskContext) -> Report:
        """Post the next news as a reply; post it only once, as far as Slack allows.

        https://docs.slack.dev/reference/methods/chat.postMessage
        """
        watch, number = report.watch, report.done
        if await self._answers.is_stopped(report):
            return report.model_copy(update={"done": len(report.news)})
        then = report.model_copy(update={"done": number + 1})
        if (context.task.step_may_have_run or report.unsure) and await self._looked(
            report, context.task
        ):
            return then
        message = await self._words.say(report.news[number], watch, drawn=report.drawn)
        try:
            posted = await self._poster.post(
                _thread(watch),
                message,
                report.next_id,
                guard=context.may_post,
                parked=context.park,
            )
        except SlackCallFailed as refused:
            if not refused.outcome_unknown:
                return await self._refused(report, refused) or then
            doubtful = report.model_copy(update={"unsure": True, "looks": 0})
            raise PutOffError(doubtful, refused, self._looks[0]) from refused
        if posted.thread_ts is None:
            return await self._astray(report, posted)
        return then

    async def _astray(self, report: Report, posted: PostedMessage) -> Report:
        """Delete a reply that Slack posted outside the thread of a deleted message."""
        try:
            await self._poster.delete_message(posted)
        except SlackCallFailed as refused:
            log.warning("cannot delete a reply outside its thread", slack_error=refused.error)
        whole = report.watch.ts == report.watch.thread_ts
        return await self._ended(report, "message_not_found" if whole else "thread_not_found")

    async def _looked(self, report: Report, task: Task) -> bool:
        """Return whether the next reply counts as posted; False: post it.

        Raises:
            PutOffError: search the thread once more, later.
        """
        try:
            ts = await self._poster.find_message_ts(
                _thread(report.watch), report.next_id, task.created_at
            )
        except SlackCallFailed as unread:
            if reads_later(unread):
                raise PutOffError(report, unread) from unread
            log.info("the bot cannot search a thread", slack_error=unread.error)
            if not report.unsure:  # after a kill; the repeat has the same client_msg_id
                return False
            end = isinstance(report.news[report.done], Ended)
            if end and not report.repeated:  # a lost end is worse than a double one
                again = report.model_copy(update={"repeated": True, "unsure": False})
                raise PutOffError(again, unread, 0.0) from unread
            log.warning("an unconfirmed reply counts as posted", slack_error=unread.error)
            return True
        if ts is None and report.unsure and report.looks + 1 < len(self._looks):
            later = report.model_copy(update={"looks": report.looks + 1})
            raise PutOffError(later, SlackCallFailed("not there yet"), self._looks[later.looks])
        return ts is not None

    async def _refused(self, report: Report, refused: SlackCallFailed) -> Report | None:
        """Return the notification's next state after a permanent error; None: skip this part.

        Raises:
            PutOffError: the error is temporary.
        """
        if takes_later(refused) or refused.outcome_unknown:
            raise PutOffError(report, refused) from refused
        if refused.error in ENDINGS:
            return await self._ended(report, refused.error)
        log.error("Slack refuses a part of a notification", slack_error=refused.error)
        if report.over and report.step == "reply":  # the last one: message the watchers directly
            why = {"why": refused.error, "unanswerable": True}
            return report.model_copy(update={"step": "farewell", "done": 0} | why)
        return None

    async def _ended(self, report: Report, why: str) -> Report:
        """Return the notification's next state if the message or its thread takes no more."""
        watch = report.watch
        skipped = report.model_copy(update={"step": "reply", "done": len(report.news)})
        if await self._answers.is_superseded(watch):  # the later one gets the same error
            return skipped
        kept = await self._watches.of(watch.channel_id, watch.ts)
        if kept is not None and kept.id != watch.id:  # its own notifications get the same error
            return skipped
        log.info("a watch cannot go on", watch=watch.id, slack_error=why)
        unanswerable = report.step == "reply" and why != "message_not_found"
        ends = {"step": "close", "done": 0, "why": why, "unanswerable": unanswerable}
        return report.model_copy(update=ends)


def _thread(watch: Watch) -> ReplyTarget:
    return ReplyTarget("", watch.channel_id, thread_ts=watch.thread_ts)


def _unsure(report: Report) -> Report:
    return report.model_copy(update={"unsure": True})
