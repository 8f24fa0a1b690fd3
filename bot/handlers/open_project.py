"""The task that a command enqueues: open the project, and post a message about it.

The upsert and the first post are one attempt, without a write in between. A repeated upsert does no
harm, and after a kill the bot searches the channel for the message before it posts again.
"""

import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

import structlog
from pydantic import BaseModel, ConfigDict

from bot.access.rules import Actor
from bot.durable.context import TaskContext
from bot.durable.in_flight import TaskExpiredError
from bot.durable.model import Change, Done, Outcome, RunAgain, State, Task
from bot.handlers.failures import Failures
from bot.handlers.permissions import Permissions, actor_at
from bot.handlers.slow_notice import notify_if_slow
from bot.projects.bounded_set import BoundedSet
from bot.projects.recents import Recent, Recents
from bot.projects.request import ProjectRequest
from bot.projects.service import ExistingProjects, OpenedProject, Projects
from bot.slack.message import Message, PostedMessage, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.views.failure import attempt_to_open
from bot.views.near_name import can_ask, near_name_message
from bot.views.notice import invite, still_opening
from bot.views.project import is_watchable, message_state_of, project_message
from bot.watches.start import WatchStarter

log = structlog.stdlib.get_logger(__name__)

OPEN_PROJECT = "open/2"  # with the version of the state: a bot runs only tasks of its own version
LOOKS = (5.0, 25.0)  # seconds before each search for a post with an unknown outcome
_LONGEST_RETRY = 30.0  # seconds
_TOO_LATE = timedelta(minutes=30)  # the life of a response URL


class OpenProjectTask(BaseModel):
    """The state of the task.

    Attributes:
        request: the team and the name.
        place: the person, and the channel or thread.
        sure: the person has confirmed the name, so the bot asks nothing.
        execution_id, workflow_id: the workflow; empty for a person's own request.
        for_person: what the workflow says about a person, as free text.
        opened: the project, after the first step.
        posted: the message, after the second step.
        looks: the number of searches for a post with an unknown outcome; None if no post is in
            doubt.
        tries: the number of temporary failures of Slack in a row.
    """

    model_config = ConfigDict(frozen=True)

    step: Literal["open", "post", "end"] = "open"
    request: ProjectRequest
    place: ReplyTarget
    sure: bool = False
    execution_id: str = ""
    workflow_id: str = ""
    for_person: str = ""
    opened: OpenedProject | None = None
    posted: PostedMessage | None = None
    looks: int | None = None
    tries: int = 0

    def actor(self) -> Actor:
        """Return the person or the workflow that made the request."""
        return actor_at(self.place, self.workflow_id, self.execution_id)

    def state(self) -> State:
        """Return it as JSON."""
        return self.model_dump(mode="json")


def reject_if_expired(step: str, task: Task) -> None:
    """Refuse a task for which no person waits any more.

    Raises:
        TaskExpiredError: the task was enqueued too long ago.
    """
    if step != "end" and datetime.now(UTC) - task.created_at > _TOO_LATE:
        raise TaskExpiredError(task.created_at)


def retry_later(context: TaskContext, refused: SlackCallFailed) -> Outcome:
    """Reschedule the task after a temporary failure of Slack; end it after a lasting one."""
    task = context.now()
    if not refused.retryable or datetime.now(UTC) - task.created_at > 2 * _TOO_LATE:
        log.error("a Slack call failed; the task ends", slack_error=refused.error)
        return Done()
    tries = task.state.get("tries", 0)
    wait = min(_LONGEST_RETRY, 2.0**tries) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    log.warning("a Slack call failed; the task is rescheduled", slack_error=refused.error)
    return RunAgain(
        max(wait, refused.retry_after),
        task.state | {"tries": tries + 1},
        step_may_have_run=task.step_may_have_run,
    )


@dataclass(frozen=True, slots=True)
class OpenProjectHandler:
    """Open a project, and post a message about it.

    Attributes:
        ask_near_names: ask before the bot creates a project with a name similar to another's.
        watch_answers: watch the job of each message.
        looks: seconds before each search for a post with an unknown outcome.
    """

    projects: Projects
    poster: Poster
    failures: Failures
    recents: Recents
    watch_starter: WatchStarter
    ask_near_names: bool
    watch_answers: bool
    looks: tuple[float, ...] = LOOKS
    permissions: Permissions = field(default_factory=Permissions)
    _invited: BoundedSet = field(default_factory=BoundedSet)

    async def handle(self, context: TaskContext) -> Outcome:
        """Run the task; the person gets a message about each failure."""
        task = OpenProjectTask.model_validate(context.task.state)

        async def send(message: Message) -> None:
            await self.poster.send_privately(task.place, message, guard=context.may_post)

        async def work() -> Outcome:
            reject_if_expired(task.step, context.task)
            return await self._run(task, context, send)

        try:
            outcome = await self.failures.report_failures(
                partial(attempt_to_open, task.request), send, work, retryable=True
            )
        except SlackCallFailed as refused:
            return retry_later(context, refused)
        return Done(self.remembered(context.now().state)) if outcome is None else outcome

    async def _run(
        self,
        task: OpenProjectTask,
        context: TaskContext,
        send: Callable[[Message], Awaitable[None]],
    ) -> Outcome:
        if task.step == "open":
            async with notify_if_slow(send, partial(still_opening, task.request)):
                found = await self.find_existing(task)
                ask = self.ask_near_names and not task.sure and can_ask(found)
                if not ask:
                    task = await self.open(task, found, context)
            if ask:
                await send(near_name_message(found, task.place.thread_ts))
                return Done()
        if task.step == "post":
            posted = await self.post(task, context)
            if isinstance(posted, RunAgain):
                return posted
            task = task.model_copy(update={"step": "end", "posted": posted})
        await self._end(task, context)
        return Done(self._remembered(task))

    async def find_existing(self, task: OpenProjectTask) -> ExistingProjects:
        """Return the team, and the similar projects that the actor can view; see `Permissions`."""
        return await self.permissions.find_existing(task.actor(), self.projects, task.request)

    async def open(
        self, task: OpenProjectTask, found: ExistingProjects, context: TaskContext
    ) -> OpenProjectTask:
        """Do the first step: open the project."""
        started, stored = time.monotonic(), context.task
        begun = stored.created_at if stored.step_may_have_run else None
        opened = await self.projects.open_project(found, stored.id, begun_at=begun)
        log.info(
            "project opened",
            project=opened.project.id,
            team=found.team.id,
            outcome=opened.outcome.value,
            user=task.place.user_id,
            seconds=round(time.monotonic() - started, 3),
        )
        task = task.model_copy(update={"step": "post", "opened": opened})
        context.advance(task.state)
        return task

    async def post(
        self, task: OpenProjectTask, context: TaskContext
    ) -> PostedMessage | RunAgain | None:
        """Do the second step: post the message, if the request has a channel.

        Returns:
            The message; None without a channel; or the time of the next search for it.

        Raises:
            SlackCallFailed: Slack refused the message, or (``outcome_unknown``) might have posted
                it in a channel that the bot cannot read.
        """
        place, opened, stored = task.place, task.opened, context.task
        if opened is not None:
            self.permissions.require_shown(task.actor(), opened)
        if not place.channel_id or opened is None:
            return None
        if task.looks is not None or stored.step_may_have_run:
            found = await self._find(task, stored)
            if found is not None:
                return found
        state = message_state_of(opened, place.user_id, task.for_person)
        message = project_message(opened.project, state)
        try:
            return await self.poster.post(
                place, message, stored.id, guard=context.may_post, parked=context.park
            )
        except SlackCallFailed as failed:
            if not failed.outcome_unknown or failed.elsewhere:
                raise
            log.warning("Slack did not confirm a message", slack_error=failed.error)
            return RunAgain(self.looks[0], task.model_copy(update={"looks": 0}).state())

    async def _find(self, task: OpenProjectTask, stored: Task) -> PostedMessage | RunAgain | None:
        """Return the message of an earlier attempt; None: it was not posted, so post it.

        Raises:
            SlackCallFailed: ``outcome_unknown``: the bot is not allowed to read the channel.
        """
        try:
            ts = await self.poster.find_message_ts(task.place, stored.id, stored.created_at)
        except SlackCallFailed as unread:
            if unread.retryable or unread.outcome_unknown:
                raise SlackCallFailed(unread.error, retryable=True) from unread
            log.info("cannot search the channel for the message", slack_error=unread.error)
            if task.looks is None:  # after a kill; the post repeats its client_msg_id
                return None
            raise SlackCallFailed(unread.error, outcome_unknown=True) from unread
        if ts is not None:
            return PostedMessage(task.place.channel_id, ts, as_member=True)
        if task.looks is None or task.looks + 1 == len(self.looks):
            return None
        looks = task.looks + 1
        return RunAgain(self.looks[looks], task.model_copy(update={"looks": looks}).state())

    async def _end(self, task: OpenProjectTask, context: TaskContext) -> None:
        """Do the last step: the invitation, and the watch."""
        place, opened, posted = task.place, task.opened, task.posted
        if opened is None or posted is None:
            return
        invites = not posted.as_member and place.response_url
        watches = self.watch_answers and posted.ts and is_watchable(opened.project)
        watches = watches and self.permissions.can_view(place, opened.team)
        if invites or watches:  # otherwise the task ends now, with one write
            await context.checkpoint(task.state())
        if invites:
            await self._send_invitation(place, context)
        if watches:
            here = posted.channel_id == place.channel_id  # another channel has no such thread
            where = place if here else replace(place, channel_id=posted.channel_id, thread_ts=None)
            state = message_state_of(opened, place.user_id, task.for_person)
            try:
                if not await self.watch_starter.start(where, posted.ts, state, opened.project):
                    now = await self.projects.get_project(opened.project.id)
                    await self.poster.update(where, posted.ts, project_message(now, state))
            except SlackCallFailed as refused:
                if refused.retryable:
                    raise
                log.info("cannot watch this message", slack_error=refused.error)

    def remembered(self, state: State) -> tuple[Change, ...]:
        """Return the change that adds an open project to the person's list."""
        task = OpenProjectTask.model_validate(state) if state.get("opened") else None
        return self._remembered(task) if task else ()

    def _remembered(self, task: OpenProjectTask) -> tuple[Change, ...]:
        if task.opened is None or not task.place.user_id:
            return ()
        project = task.opened.project
        recent = Recent(
            project_id=project.id, name=project.name, team=task.opened.team, at=datetime.now(UTC)
        )
        return (self.recents.addition(task.place.user_id, recent),)

    async def _send_invitation(self, place: ReplyTarget, context: TaskContext) -> None:
        """Send a person the invitation, once a channel; nobody can be added to a DM."""
        if place.channel_id.startswith("D") or place.channel_id in self._invited:
            return
        self._invited.add(place.channel_id)
        with suppress(SlackCallFailed):  # the log has it
            await self.poster.send_privately(place, invite(), guard=context.may_post)
