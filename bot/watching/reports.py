"""Bring what changed to Slack: the message drawn again, and a reply for each piece of news."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from bot.baseten.client import Baseten
from bot.journal.journal import Entry, Journal
from bot.journal.steps import Done, Later, Next, Steps
from bot.message import NotTakenError
from bot.posting import Place, Poster
from bot.redaction import Redactor
from bot.views.project import project_message
from bot.views.watch import farewell_message
from bot.watching.report import REPORT, Report, report_id
from bot.watching.watches import Watch, Watches
from bot.watching.words import Words

__all__ = ["REPORT", "Reports"]

log = structlog.stdlib.get_logger(__name__)

_AGAIN = 30.0  # seconds until what Slack could not take is sent again
_IN_TURN = 5.0  # seconds until it is looked again whether the report before is done
_TOO_OLD = timedelta(hours=1)
_MOST_FAILS = 10  # of one step, for reasons that nobody foresaw
# With these, Slack takes no more changes of the message, or no more replies to it.
_ENDINGS = frozenset(
    {
        "cant_update_message",
        "channel_not_found",
        "edit_window_closed",
        "is_archived",
        "is_inactive",
        "message_not_found",
        "not_in_channel",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
    }
)


class _PutOffError(Exception):
    """Slack cannot take it now; ``report`` is where to go on."""

    def __init__(self, report: Report, why: NotTakenError) -> None:
        super().__init__(why.error)
        self.report = report


class Reports:
    """Do what a report holds, a step at a time.

    Args:
        poster: reaches Slack.
        baseten: is asked for what a reply shows beside the news.
        watches: what is watched.
        journal: where the reports are.
        redactor: takes secrets out of logs.
        now: an aware clock, close to the journal's.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a report is brought with
        self,
        poster: Poster,
        baseten: Baseten,
        watches: Watches,
        journal: Journal,
        redactor: Redactor,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._poster = poster
        self._words = Words(baseten, redactor)
        self._watches = watches
        self._journal = journal
        self._now = now

    async def handle(self, entry: Entry, steps: Steps) -> Next:
        """Bring one report to Slack, after the one before it, so that the thread is in order."""
        report = Report.model_validate(entry.state)
        if entry.fails >= _MOST_FAILS:
            log.error("a report is dropped", error=entry.error)
            return Done()
        if report.step == "update" and not await self._is_its_turn(report.watch):
            return Later(_IN_TURN, entry.state)
        try:
            return await self._go_on(report, steps)
        except _PutOffError as put_off:
            if self._now() - entry.accepted_at > _TOO_OLD:
                log.error("a report is dropped", slack_error=str(put_off))  # noqa: TRY400
                return Done()
            log.info("Slack cannot take a report now", slack_error=str(put_off))
            again = _AGAIN * random.uniform(1.0, 1.5)  # noqa: S311 - no secret
            return Later(again, put_off.report.state())

    async def _is_its_turn(self, watch: Watch) -> bool:
        before = await self._journal.get(report_id(watch, watch.reports - 1))
        return before is None or before.done

    async def _is_newer(self, watch: Watch) -> bool:
        return await self._journal.get(report_id(watch, watch.reports + 1)) is not None

    async def _go_on(self, report: Report, steps: Steps) -> Next:
        while True:
            match report.step:
                case "update":
                    report = await self._update(report, steps)
                case "reply" if report.done < len(report.news):
                    report = await self._reply(report, steps)
                case "farewell" if report.done < len(report.watch.watchers):
                    report = await self._farewell(report, steps)
                case _:
                    return Done()
            await steps.keep(report.state())

    async def _update(self, report: Report, steps: Steps) -> Report:
        """Draw the message again, unless a newer report will; to do it twice does no harm.

        https://docs.slack.dev/reference/methods/chat.update
        """
        watch, then = report.watch, report.model_copy(update={"step": "reply"})
        kept = await self._watches.of(watch.channel_id, watch.ts)
        if (kept is not None and kept.id != watch.id) or await self._is_newer(watch):
            return then
        if kept is None and not report.over:  # somebody has stopped it: nobody is to be told
            return then.model_copy(update={"done": len(report.news)})
        followed = watch.followed(over=report.over, gone=report.gone)
        message = project_message(watch.project, watch.card, followed=followed)
        steps.check()
        try:
            await self._poster.update(Place("", watch.channel_id), watch.ts, message)
        except NotTakenError as refused:
            return await self._refused(report, refused) or then
        return then

    async def _reply(self, report: Report, steps: Steps) -> Report:
        """Post the next piece of news, once, as far as can be told.

        https://docs.slack.dev/reference/methods/chat.postMessage
        """
        watch, number = report.watch, report.done
        then = report.model_copy(update={"done": number + 1, "unsure": False})
        perhaps_posted = steps.entry.dirty or report.unsure
        if perhaps_posted and await self._is_posted(report, steps.entry):
            return then
        message = await self._words.say(report.news[number], watch)
        steps.check()
        try:
            await self._poster.post(_thread(watch), message, _work_id(report))
        except NotTakenError as refused:
            if not refused.maybe:
                return await self._refused(report, refused) or then
            await self._unconfirmed(report, steps.entry, refused)
        return then

    async def _is_posted(self, report: Report, entry: Entry) -> bool | None:
        """Look whether the next reply is in the thread; None where the bot may not read.

        Raises:
            _PutOffError: that cannot be told now.
        """
        try:
            place, work_id = _thread(report.watch), _work_id(report)
            return await self._poster.find(place, work_id, entry.accepted_at) is not None
        except NotTakenError as refused:
            if refused.passing or refused.maybe:
                raise _PutOffError(_unsure(report), refused) from refused
            log.info("may not look for a reply", slack_error=refused.error)
            return None

    async def _unconfirmed(self, report: Report, entry: Entry, why: NotTakenError) -> None:
        """Return if the reply is in the thread, or if nobody can tell: then it is not repeated.

        Raises:
            _PutOffError: it is not there, and is looked for once more before it is repeated.
        """
        posted = await self._is_posted(report, entry)
        if posted is False or (posted is None and why.passing):
            raise _PutOffError(_unsure(report), why) from why
        if posted is None:
            log.warning("a reply is taken as posted", slack_error=why.error)

    async def _refused(self, report: Report, refused: NotTakenError) -> Report | None:
        """Return how a report goes on after a no for ever; None: without what was refused.

        Raises:
            _PutOffError: it was only a no for now.
        """
        if refused.error in _ENDINGS:
            watch = report.watch
            if await self._is_newer(watch):  # it finds the same, and says so
                return report.model_copy(update={"done": len(report.news)})
            log.info("a watch cannot go on", watch=watch.id, slack_error=refused.error)
            kept = await self._watches.of(watch.channel_id, watch.ts)
            if kept is not None and kept.id == watch.id:
                await self._watches.end(watch.channel_id, watch.ts)
            return report.model_copy(update={"step": "farewell", "done": 0, "why": refused.error})
        if refused.passing or refused.maybe:
            raise _PutOffError(report, refused) from refused
        log.error("Slack does not take a part of a report", slack_error=refused.error)
        return None

    async def _farewell(self, report: Report, steps: Steps) -> Report:
        """Tell one of the watchers why nothing more comes."""
        watch, project = report.watch, report.watch.project
        place = Place(watch.watchers[report.done], watch.channel_id)
        team = project.team_name or watch.card.team
        steps.check()
        if place.user_id:
            message = farewell_message(project, team, watch.channel_id, report.why)
            await self._poster.tell(place, message)
        return report.model_copy(update={"done": report.done + 1})


def _thread(watch: Watch) -> Place:
    return Place("", watch.channel_id, thread_ts=watch.thread_ts)


def _work_id(report: Report) -> str:
    return f"{report.id}:{report.done}"


def _unsure(report: Report) -> Report:
    return report.model_copy(update={"unsure": True})
