"""The report of an act on a job: a reply in the thread of its message, and the new message."""

from dataclasses import dataclass, replace
from functools import partial

import structlog

from bot.baseten.errors import BasetenError
from bot.durable.context import TaskContext
from bot.durable.model import RunAgain
from bot.handlers.act_task import ActTask
from bot.handlers.failures import Failures
from bot.handlers.posting import post_once
from bot.projects.message_state import WatchJobChoice
from bot.projects.service import Projects
from bot.slack.message import SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.post_search import LOOKS
from bot.views.act_words import ActEnd, act_report, private_report
from bot.watches.redraw import show_present
from bot.watches.store import Watches

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ActReports:
    """Report the end of an act.

    Attributes:
        looks: seconds before each search for a reply with an unknown outcome.
    """

    projects: Projects
    poster: Poster
    failures: Failures
    watches: Watches
    looks: tuple[float, ...] = LOOKS

    async def report(self, task: ActTask, context: TaskContext) -> RunAgain | None:
        """Report; return the time of the next search for the reply, or None at the end.

        A list has no thread: its person gets the report alone, and nothing is posted.
        """
        end = _end_of(task)
        if not task.ts or task.message_state is None:
            await self.poster.send_privately(
                task.place, private_report(end), context.task.id, guard=context.may_post
            )
            self.failures.answered(context, task.place.channel_id)
            return None
        if task.step == "report":
            waits = await self._reply(task, context, end)
            if waits is not None:
                return waits
        await self._update_message(task)
        return None

    async def _reply(self, task: ActTask, context: TaskContext, end: ActEnd) -> RunAgain | None:
        choice = None
        if task.new_job is not None and task.message_state is not None:
            choice = WatchJobChoice(message_state=task.message_state, job_id=task.new_job.id)
        thread = replace(task.place, thread_ts=task.place.thread_ts or task.ts)
        refused = False
        try:
            report = act_report(end, choice)
            posted = await post_once(self.poster, context, self.looks, thread, report)
        except SlackCallFailed as failed:
            if failed.retryable:
                raise
            log.info("cannot reply in the thread", slack_error=failed.error)
            refused = True
        else:
            if isinstance(posted, RunAgain):
                return posted
            self.failures.answered(context, posted.channel_id, posted.ts)
        context.advance(lambda: task.state(step="end"))
        if refused:  # or unconfirmed: the person gets the truth in any case
            await self.poster.send_privately(
                task.place, private_report(end), guard=context.may_post
            )
            self.failures.answered(context, task.place.channel_id)
        return None

    async def _update_message(self, task: ActTask) -> None:
        """Update the message. A failure is no failure of the act: the reply has its end."""
        if task.message_state is None:
            return
        try:
            read = partial(self.projects.get_project, task.project_id)
            await show_present(
                self.poster, self.watches, task.place, task.ts, task.message_state, read
            )
        except BasetenError as error:
            log.info("cannot update the message of an act", error=str(error))
        except SlackCallFailed as refused:
            if refused.retryable:
                raise
            log.info("cannot update the message of an act", slack_error=refused.error)


def _end_of(task: ActTask) -> ActEnd:
    if task.project is None or task.job is None:
        raise ValueError("the report of an act that has no end")
    return ActEnd(
        act=task.act,
        project=task.project,
        job=task.job,
        by=task.place.user_id,
        new_job=task.new_job,
        priority=task.priority,
        waited=task.waited,
    )
