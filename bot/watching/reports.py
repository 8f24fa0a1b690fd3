"""Bring what changed to Slack: the message drawn again, and a reply for each piece of news."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog

from bot.baseten.client import Baseten
from bot.journal.journal import Entry, Journal
from bot.journal.steps import Done, Later, Next, Steps
from bot.message import SlackCallFailed
from bot.posting import Place, Posted, Poster
from bot.redaction import Redactor
from bot.views.watch import farewell_message
from bot.watching.answers import Answers
from bot.watching.refusals import ENDINGS, reads_later, takes_later
from bot.watching.report import (
    REPORT,
    NoRoomError,
    PutOffError,
    Report,
    again,
    read_report,
    report_id,
)
from bot.watching.rules import LONGEST
from bot.watching.watches import Watch, Watches
from bot.watching.words import Words

__all__ = ["REPORT", "Reports"]

log = structlog.stdlib.get_logger(__name__)

_AGAIN, _LONGEST_AGAIN = 30.0, 600.0  # seconds until what Slack could not take is sent again
# Seconds until it is looked again whether the report before is done.
_IN_TURN, _LONGEST_IN_TURN = 5.0, 60.0
_STALE = timedelta(hours=1)
_MOST_FAILS = 10  # of one step, for reasons that nobody foresaw


class Reports:
    """Do what a report holds, a step at a time.

    Args:
        poster: reaches Slack.
        baseten: is asked for what a reply shows beside the news.
        watches: what is watched.
        journal: where the reports are.
        redactor: takes secrets out of logs.
        now: an aware clock, close to the journal's.
        gap: seconds between two times that one message is drawn; a report waits for them whole, as
            its replies are to be no earlier than what they tell of is shown.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a report is brought with
        self,
        poster: Poster,
        baseten: Baseten,
        watches: Watches,
        journal: Journal,
        redactor: Redactor,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        gap: float = 15.0,
    ) -> None:
        self._poster = poster
        self._words = Words(baseten, redactor)
        self._watches = watches
        self._journal = journal
        self._now = now
        self._answers = Answers(poster, watches, journal, now, gap)

    async def handle(self, entry: Entry, steps: Steps) -> Next:
        """Bring one report to Slack, after the one before it, so that the thread is in order."""
        if entry.fails >= _MOST_FAILS:
            return await self._give_up(entry, steps)
        report = Report.model_validate(entry.state)
        if report.step == "update":
            # Before the journal is read: of a thousand that find no room, each comes by here.
            if (seconds := self._answers.wait(report)) > 0:
                unsure = entry.dirty or report.unsure
                return Later(seconds, report.model_copy(update={"unsure": unsure}).state())
            if not await self._is_its_turn(report.watch):
                return again(report, _IN_TURN, _LONGEST_IN_TURN)
        try:
            return await self._go_on(report, steps)
        except NoRoomError as full:
            return Later(full.seconds, full.report.state())
        except PutOffError as put_off:
            return await self._put_off(put_off, entry)

    async def _put_off(self, put_off: PutOffError, entry: Entry) -> Next:
        """Try again later, unless nobody needs to hear it any more."""
        report, age = put_off.report, self._now() - entry.accepted_at
        superseded = (
            age > _STALE and not report.over and await self._answers.is_superseded(report.watch)
        )
        if superseded or age > LONGEST:
            log.error("a report is dropped", slack_error=str(put_off))
            return Done()
        log.info("Slack cannot take a report now", slack_error=str(put_off))
        return again(report, max(_AGAIN, put_off.wait), max(_LONGEST_AGAIN, put_off.wait))

    async def _give_up(self, entry: Entry, steps: Steps) -> Next:
        """Let go of what fails again and again; of an end, the watchers at least hear directly."""
        log.error("a report is dropped", error=entry.error)
        report = read_report(entry)
        if report is None or report.step == "farewell":
            return Done()
        if not report.over and report.step != "close":  # the next report is told, if this is not
            return Done()
        told = report.model_copy(update={"step": "farewell", "done": 0})
        entry = await steps.keep(told.state())
        return await self.handle(entry, steps)

    async def _is_its_turn(self, watch: Watch) -> bool:
        before = await self._journal.get(report_id(watch, watch.reports - 1))
        return before is None or before.done or read_report(before) is None

    async def _go_on(self, report: Report, steps: Steps) -> Next:
        while True:
            match report.step:
                case "update":
                    report = await self._update(report, steps)
                case "reply" if report.done < len(report.news):
                    report = await self._reply(report, steps)
                case "close":
                    report = await self._close(report, steps)
                case "farewell" if report.done < len(report.watch.watchers):
                    report = await self._farewell(report, steps)
                case _:
                    return Done()
            report = report.model_copy(update={"unsure": False, "tries": 0})
            await steps.keep(report.state())

    async def _update(self, report: Report, steps: Steps) -> Report:
        """Draw the message again, unless a newer report will; to do it twice does no harm.

        While it is drawn, somebody may stop the watch or begin another, and draw it too: whose
        picture is the last one, nobody can tell. So it is looked again, and drawn as it should be.
        """
        watch, then = report.watch, report.model_copy(update={"step": "reply"})
        if not report.draws:
            return then
        wanted, shown = await self._answers.wanted(report), None
        own = wanted[0] is watch and wanted[1] is not None
        began = steps.entry.dirty or report.unsure  # and what was drawn then may be wrong by now
        if not began and (not own or await self._answers.is_superseded(watch)):
            return then
        if (seconds := self._answers.wait(report)) > 0:
            raise NoRoomError(report.model_copy(update={"unsure": began}), seconds)
        while wanted != shown:
            steps.check()
            try:
                await self._answers.draw(wanted)
            except SlackCallFailed as refused:
                return await self._refused(_unsure(report), refused) or then
            wanted, shown = await self._answers.wanted(report), wanted
        return then.model_copy(update={"drawn": wanted[0] is watch})

    async def _reply(self, report: Report, steps: Steps) -> Report:
        """Post the next piece of news, once, as far as can be told.

        https://docs.slack.dev/reference/methods/chat.postMessage
        """
        watch, number = report.watch, report.done
        if await self._answers.is_stopped(report):
            return report.model_copy(update={"done": len(report.news)})
        then = report.model_copy(update={"done": number + 1})
        perhaps_posted = steps.entry.dirty or report.unsure
        if perhaps_posted and await self._is_posted(report, steps.entry):
            return then
        message = await self._words.say(report.news[number], watch, drawn=report.drawn)
        steps.check()
        try:
            posted = await self._poster.post(_thread(watch), message, report.next_id)
        except SlackCallFailed as refused:
            if not refused.outcome_unknown:
                return await self._refused(report, refused) or then
            await self._unconfirmed(report, steps.entry, refused)
            return then
        if posted.thread_ts is None:
            return await self._astray(report, posted)
        return then

    async def _astray(self, report: Report, posted: Posted) -> Report:
        """Take back what Slack posted in the channel, as the message of the thread was deleted."""
        try:
            await self._poster.delete_message(posted)
        except SlackCallFailed as refused:
            log.warning("a reply is left outside of its thread", slack_error=refused.error)
        whole = report.watch.ts == report.watch.thread_ts
        return await self._ended(report, "message_not_found" if whole else "thread_not_found")

    async def _is_posted(self, report: Report, entry: Entry) -> bool | None:
        """Look whether the next reply is in the thread; None where the bot may not read.

        Raises:
            PutOffError: that cannot be told now.
        """
        try:
            place, work_id = _thread(report.watch), report.next_id
            return await self._poster.find(place, work_id, entry.accepted_at) is not None
        except SlackCallFailed as refused:
            if reads_later(refused):
                raise PutOffError(_unsure(report), refused) from refused
            log.info("may not look for a reply", slack_error=refused.error)
            return None

    async def _unconfirmed(self, report: Report, entry: Entry, why: SlackCallFailed) -> None:
        """Return if the reply is in the thread, or if nobody can tell: then it is not repeated.

        Raises:
            PutOffError: it is not there, and is looked for once more before it is repeated.
        """
        posted = await self._is_posted(report, entry)
        if posted is False or (posted is None and why.retryable):
            raise PutOffError(_unsure(report), why) from why
        if posted is None:
            log.warning("a reply is taken as posted", slack_error=why.error)

    async def _refused(self, report: Report, refused: SlackCallFailed) -> Report | None:
        """Return how a report goes on after a no for ever; None: without what was refused.

        Raises:
            PutOffError: it was only a no for now.
        """
        if takes_later(refused) or refused.outcome_unknown:
            raise PutOffError(report, refused) from refused
        if refused.error in ENDINGS:
            return await self._ended(report, refused.error)
        log.error("Slack does not take a part of a report", slack_error=refused.error)
        if report.over and report.step == "reply":  # nothing comes after it: they hear directly
            why = {"why": refused.error, "unanswerable": True}
            return report.model_copy(update={"step": "farewell", "done": 0} | why)
        return None

    async def _ended(self, report: Report, why: str) -> Report:
        """Return how a report goes on once the message, or its thread, takes no more."""
        watch = report.watch
        skipped = report.model_copy(update={"step": "reply", "done": len(report.news)})
        if await self._answers.is_superseded(watch):  # it finds the same, and says so
            return skipped
        kept = await self._watches.of(watch.channel_id, watch.ts)
        if kept is not None and kept.id != watch.id:  # its own reports find the same
            return skipped
        log.info("a watch cannot go on", watch=watch.id, slack_error=why)
        unanswerable = report.step == "reply" and why != "message_not_found"
        ends = {"step": "close", "done": 0, "why": why, "unanswerable": unanswerable}
        return report.model_copy(update=ends)

    async def _close(self, report: Report, steps: Steps) -> Report:
        """End the watch that cannot go on, and draw the message without it where it can be."""
        watch, then = report.watch, report.model_copy(update={"step": "farewell"})
        kept = await self._watches.of(watch.channel_id, watch.ts)
        if kept is not None and kept.id != watch.id:
            return then
        await self._watches.end(watch.channel_id, watch.ts, watch.id)
        if report.over or not report.unanswerable:
            return then
        steps.check()
        try:
            await self._answers.draw((watch, watch.followed(over=True)))
        except SlackCallFailed as refused:
            if takes_later(refused) or refused.outcome_unknown:
                raise PutOffError(report, refused) from refused
            log.info("a message is left as it is", slack_error=refused.error)
        return then

    async def _farewell(self, report: Report, steps: Steps) -> Report:
        """Tell one of the watchers why nothing more comes, so that it is there when they are."""
        watch, project = report.watch, report.watch.project
        user_id, then = watch.watchers[report.done], {"done": report.done + 1}
        if not user_id:
            return report.model_copy(update=then)
        message = farewell_message(
            project,
            project.team_name or watch.card.team,
            watch.channel_id,
            report.why,
            unanswerable=report.unanswerable,
        )
        steps.check()
        try:
            await self._poster.post(Place(user_id), message)
        except SlackCallFailed as refused:
            if takes_later(refused):
                raise PutOffError(report, refused) from refused
            with suppress(SlackCallFailed):  # which is in the log
                await self._poster.send_privately(Place(user_id, watch.channel_id), message)
        return report.model_copy(update=then)


def _thread(watch: Watch) -> Place:
    return Place("", watch.channel_id, thread_ts=watch.thread_ts)


def _unsure(report: Report) -> Report:
    return report.model_copy(update={"unsure": True})
