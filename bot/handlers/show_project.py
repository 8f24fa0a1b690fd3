"""The task that shows an existing project: in the channel, or as a watch in direct messages.

It only reads: nothing is created or changed in Baseten.
"""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import structlog

from bot.access.rules import Verb
from bot.baseten.errors import BasetenError
from bot.baseten.models import TrainingProject
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome
from bot.durable.task_state import TaskState
from bot.handlers.failures import Failures, Send
from bot.handlers.home import HomeHandler
from bot.handlers.permissions import Permissions, actor_at
from bot.handlers.posting import post_once, send_invitation
from bot.handlers.slow_notice import notify_if_slow
from bot.handlers.task_age import reject_if_expired
from bot.projects.bounded_set import BoundedSet
from bot.projects.creation import CreationOutcome
from bot.projects.message_state import MessageState
from bot.projects.service import OpenedProject, Projects
from bot.slack.message import PostedMessage, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.post_search import LOOKS
from bot.views.failure import FailureWording
from bot.views.job import job_name
from bot.views.job_list_words import job_ended, unconfirmed, watching_in_direct_messages
from bot.views.notice import cannot_watch, still_looking
from bot.views.project import is_watchable, message_state_of, project_message
from bot.watches.start import WatchStarter

log = structlog.stdlib.get_logger(__name__)

SHOW_PROJECT = "show/1"  # with the version of the state
SHOWING = FailureWording(nothing="Nothing was posted.", unsure="Perhaps nothing was posted.")


class ShowProjectTask(TaskState):
    """The state of the task.

    Attributes:
        place: the person, and the place of the button. The message is posted there, in its thread
            too; without a channel it is a direct message.
        project_id: the project.
        watch_job: the job to watch, in a direct message to the person; empty to post only.
        home: the button is in the home tab, which is published again.
        posted: the message, after the first step.
        looks: the number of searches for a post with an unknown outcome; None if no post is in
            doubt.
        tries: the number of temporary failures of Slack in a row.
    """

    step: Literal["post", "end"] = "post"
    place: ReplyTarget
    project_id: str
    watch_job: str = ""
    home: bool = False
    posted: PostedMessage | None = None
    looks: int | None = None
    tries: int = 0

    @property
    def is_direct(self) -> bool:
        """Whether the message goes to the person alone."""
        return bool(self.watch_job) or not self.place.channel_id

    @property
    def target(self) -> ReplyTarget:
        """The place of the message. Slack takes a person's id for the direct message."""
        person = self.place.user_id
        return ReplyTarget(person, person) if self.is_direct else self.place


@dataclass(frozen=True, slots=True)
class ShowProjectHandler:
    """Post the message of an existing project, and start the watch of a job.

    Attributes:
        looks: seconds before each search for a post with an unknown outcome.
    """

    projects: Projects
    poster: Poster
    failures: Failures
    watch_starter: WatchStarter
    permissions: Permissions
    home: HomeHandler
    looks: tuple[float, ...] = LOOKS
    _invited: BoundedSet = field(default_factory=BoundedSet)

    async def handle(self, context: TaskContext) -> Outcome:
        """Run the task; the person gets a message about each failure."""
        task = ShowProjectTask.model_validate(context.task.state)
        outcome = await self.failures.run_task(
            context, task.place, SHOWING, lambda answer: self._run(task, context, answer)
        )
        outcome = outcome or Done()
        if task.home and isinstance(outcome, Done):
            self.home.redraw(task.place.user_id)
        return outcome

    async def _run(self, task: ShowProjectTask, context: TaskContext, answer: Send) -> Outcome:
        reject_if_expired(task.step, context.task)
        notice = partial(self.poster.send_privately, task.place, guard=context.may_post)
        async with notify_if_slow(notice, still_looking):
            project = await self._read(task)
        # A direct message is no channel of a grant; the watch asks again in it, at each post.
        shown_in = replace(task.place, channel_id="") if task.is_direct else task.place
        self.permissions.require(shown_in, Verb.VIEW, project.team_name)
        team = project.team_name or ""
        state = message_state_of(
            OpenedProject(project, team, CreationOutcome.EXISTED), task.place.user_id
        )
        if task.step == "post":
            if task.watch_job and not is_watchable(project) and project.latest_job is not None:
                await answer(job_ended(project.latest_job))
                return Done()
            posted = await self._post(task, context, project, state, answer)
            if isinstance(posted, Done):
                self._note(task, context, project, shown_in, "perhaps shown")
            if not isinstance(posted, PostedMessage):
                return posted
            self.failures.answered(context, posted.channel_id, posted.ts)
            task = task.model_copy(update={"step": "end", "posted": posted})
        try:
            watched = await self._end(task, context, project, state)
        except BasetenError:
            self._note(task, context, project, shown_in, "shown")
            raise
        self._note(task, context, project, shown_in, "watched" if watched else "shown")
        return Done()

    def _note(
        self,
        task: ShowProjectTask,
        context: TaskContext,
        project: TrainingProject,
        shown_in: ReplyTarget,
        outcome: str,
    ) -> None:
        self.failures.audit.acted(
            context,
            Verb.VIEW,
            outcome,
            team=project.team_name,
            project=project.id,
            name=project.name,
            job=task.watch_job,
            actor=actor_at(shown_in),
        )

    async def _read(self, task: ShowProjectTask) -> TrainingProject:
        if task.watch_job:
            return await self.projects.get_project_with_job(task.project_id, task.watch_job)
        return await self.projects.get_project(task.project_id)

    async def _post(
        self,
        task: ShowProjectTask,
        context: TaskContext,
        project: TrainingProject,
        state: MessageState,
        answer: Send,
    ) -> PostedMessage | Outcome:
        """Return the message; or the end of this attempt, if the outcome is unknown."""
        message = project_message(project, state)
        try:
            return await post_once(self.poster, context, self.looks, task.target, message)
        except SlackCallFailed as failed:
            if not failed.outcome_unknown:
                raise
            log.warning("Slack did not confirm a message", slack_error=failed.error)
            await answer(unconfirmed(project.name, direct=task.is_direct))
            return Done()

    async def _end(
        self,
        task: ShowProjectTask,
        context: TaskContext,
        project: TrainingProject,
        state: MessageState,
    ) -> bool:
        """Do the last step: the watch, or the invitation. Return whether the job is watched."""
        place, posted = task.place, task.posted
        if posted is None:
            return False
        invites = not task.is_direct and not posted.as_member and place.response_url
        if task.watch_job or invites:  # otherwise the task ends now, with one write
            await context.checkpoint(task.state())
        if invites:
            await send_invitation(self.poster, self._invited, place, context)
        return bool(task.watch_job) and await self._watch(task, context, posted, project, state)

    async def _watch(
        self,
        task: ShowProjectTask,
        context: TaskContext,
        posted: PostedMessage,
        project: TrainingProject,
        state: MessageState,
    ) -> bool:
        """Start the watch of the posted message, and say so where the button is.

        Returns:
            False if the job is not watched.
        """
        send = partial(self.poster.send_privately, task.place, guard=context.may_post)
        where = replace(task.target, channel_id=posted.channel_id)
        try:
            read = partial(self._read, task)
            await self.watch_starter.start(where, posted.ts, state, project, read)
        except SlackCallFailed as refused:
            if refused.retryable:
                raise
            await send(cannot_watch(refused.error, where.channel_id))
            return False
        elsewhere = task.place.channel_id not in {"", posted.channel_id}
        if elsewhere and project.latest_job is not None:
            await send(watching_in_direct_messages(job_name(project.latest_job), project.name))
        return True
