"""The task that a command enqueues: open the project, and post it where it was asked for.

The upsert and the first post are one attempt, without a write in between: to repeat the upsert does
no harm, and after a kill the channel is searched for the message before it is posted again.
"""

import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
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
from bot.projects.service import Found, OpenedProject, Projects
from bot.slack.message import Message, PostedMessage, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.views.failure import opening
from bot.views.near_name import can_ask, near_name_message
from bot.views.notice import invite, still_opening
from bot.views.project import is_watchable, message_state_of, project_message
from bot.watches.start import Following

log = structlog.stdlib.get_logger(__name__)

OPEN_PROJECT = "open/2"  # with the version of its state: another version's tasks are left to it
LOOKS = (5.0, 25.0)  # seconds before each search for a post whose outcome is unknown
_LONGEST_RETRY = 30.0  # seconds
_TOO_LATE = timedelta(minutes=30)  # a command's response URL lives as long


class OpenProjectTask(BaseModel):
    """The state of the task.

    Attributes:
        step: the next one.
        request: the team and the name.
        place: the person, and the channel or thread.
        sure: the name is meant as it is, so the bot asks nothing.
        execution_id, workflow_id: the workflow's; empty for a person's own request.
        for_person: the free text of the workflow about a person.
        opened: the project, after the first step.
        posted: the message, after the second step.
        looks: how many times the channel was searched for a post whose outcome is unknown; None
            while no post is in doubt.
        tries: how many times in a row Slack could not take the message.
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
        """Return the person or the workflow that asked."""
        return actor_at(self.place, self.workflow_id, self.execution_id)

    def state(self) -> State:
        """Return it as JSON."""
        return self.model_dump(mode="json")


def reject_if_expired(step: str, task: Task) -> None:
    """Look whether a person can still wait for this.

    Raises:
        MissedWorkError: the task was accepted too long ago.
    """
    if step != "end" and _age(task) > _TOO_LATE:
        raise TaskExpiredError(task.created_at)


def retry_later(context: TaskContext, refused: SlackCallFailed) -> Outcome:
    """Try again later what Slack cannot take now, for as long as a person can wait for it."""
    task = context.now()
    if not refused.retryable or _age(task) > 2 * _TOO_LATE:
        log.error("given up: Slack does not take it", slack_error=refused.error)
        return Done()
    tries = task.state.get("tries", 0)
    wait = min(_LONGEST_RETRY, 2.0**tries) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    log.warning("Slack cannot take it now", slack_error=refused.error)
    return RunAgain(
        max(wait, refused.retry_after),
        task.state | {"tries": tries + 1},
        step_may_have_run=task.step_may_have_run,
    )


def _age(task: Task) -> timedelta:
    return datetime.now(UTC) - task.created_at


@dataclass(frozen=True, slots=True)
class OpenProjectHandler:
    """Open the project of an order, and post it.

    Attributes:
        ask_near_names: whether to ask before a project is created whose name is near another's.
        watch_answers: whether to watch the job of each message without being asked.
        looks: seconds before each search for a post whose outcome is unknown.
        permissions: asked for the rights on a team.
    """

    projects: Projects
    poster: Poster
    failures: Failures
    recents: Recents
    following: Following
    ask_near_names: bool
    watch_answers: bool
    looks: tuple[float, ...] = LOOKS
    permissions: Permissions = field(default_factory=Permissions)
    _invited: BoundedSet = field(default_factory=BoundedSet)

    async def handle(self, context: TaskContext) -> Outcome:
        """Do what a person asked for; every failure reaches them in words."""
        order = OpenProjectTask.model_validate(context.task.state)

        async def tell(words: Message) -> None:
            await self.poster.send_privately(order.place, words, guard=context.may_post)

        async def work() -> Outcome:
            reject_if_expired(order.step, context.task)
            return await self._go_on(order, context, tell)

        try:
            outcome = await self.failures.report(opening(order.request), tell, work, kept=True)
        except SlackCallFailed as refused:
            return retry_later(context, refused)
        return Done(self.remembered(context.now().state)) if outcome is None else outcome

    async def _go_on(
        self,
        order: OpenProjectTask,
        context: TaskContext,
        tell: Callable[[Message], Awaitable[None]],
    ) -> Outcome:
        if order.step == "open":
            async with notify_if_slow(tell, still_opening(order.request)):
                found = await self.look(order)
                ask = self.ask_near_names and not order.sure and can_ask(found)
                if not ask:
                    order = await self.open(order, found, context)
            if ask:
                await tell(near_name_message(found, order.place.thread_ts))
                return Done()
        if order.step == "post":
            posted = await self.post(order, context)
            if isinstance(posted, RunAgain):
                return posted
            order = order.model_copy(update={"step": "end", "posted": posted})
        await self._end(order, context)
        return Done(self._remembered(order))

    async def look(self, order: OpenProjectTask) -> Found:
        """Find the team and the similar projects that the actor can view; see `Permissions`."""
        return await self.permissions.look(order.actor(), self.projects, order.request)

    async def open(
        self, order: OpenProjectTask, found: Found, context: TaskContext
    ) -> OpenProjectTask:
        """Do the first step: open the project."""
        started, task = time.monotonic(), context.task
        begun = task.created_at if task.step_may_have_run else None
        opened = await self.projects.open_project(found, task.id, begun_at=begun)
        log.info(
            "project opened",
            project=opened.project.id,
            team=found.team.id,
            outcome=opened.outcome.value,
            user=order.place.user_id,
            seconds=round(time.monotonic() - started, 3),
        )
        order = order.model_copy(update={"step": "post", "opened": opened})
        context.advance(order.state)
        return order

    async def post(
        self, order: OpenProjectTask, context: TaskContext
    ) -> PostedMessage | RunAgain | None:
        """Do the second step: post the message, if there is a channel for it.

        Returns:
            The message; None without a channel; or when to look for it, or to try again.

        Raises:
            SlackCallFailed: Slack refused the message, or (``outcome_unknown``) might have posted
                it where the bot cannot look, or cannot know it.
        """
        place, opened, task = order.place, order.opened, context.task
        if not place.channel_id or opened is None:
            return None
        if order.looks is not None or task.step_may_have_run:
            found = await self._find(order, task)
            if found is not None:
                return found
        card = message_state_of(opened, place.user_id, order.for_person)
        message = project_message(opened.project, card)
        try:
            return await self.poster.post(
                place, message, task.id, guard=context.may_post, parked=context.park
            )
        except SlackCallFailed as failed:
            if not failed.outcome_unknown or failed.elsewhere:
                raise
            log.warning("Slack did not confirm a message", slack_error=failed.error)
            return RunAgain(self.looks[0], order.model_copy(update={"looks": 0}).state())

    async def _find(self, order: OpenProjectTask, task: Task) -> PostedMessage | RunAgain | None:
        """Search for a message that might be there; None: it is not, and can be posted again.

        Raises:
            SlackCallFailed: ``outcome_unknown``: the bot may not read there.
        """
        try:
            ts = await self.poster.find(order.place, task.id, task.created_at)
        except SlackCallFailed as unread:
            if unread.retryable or unread.outcome_unknown:
                raise SlackCallFailed(unread.error, retryable=True) from unread
            log.info("the bot may not search for its message", slack_error=unread.error)
            if order.looks is None:  # after a kill; the same client_msg_id goes along
                return None
            raise SlackCallFailed(unread.error, outcome_unknown=True) from unread
        if ts is not None:
            return PostedMessage(order.place.channel_id, ts, as_member=True)
        if order.looks is None or order.looks + 1 == len(self.looks):
            return None
        looks = order.looks + 1
        return RunAgain(self.looks[looks], order.model_copy(update={"looks": looks}).state())

    async def _end(self, order: OpenProjectTask, context: TaskContext) -> None:
        """Do the last step: everything that follows the message."""
        place, opened, posted = order.place, order.opened, order.posted
        if opened is None or posted is None:
            return
        asks = not posted.as_member and place.response_url
        watches = self.watch_answers and posted.ts and is_watchable(opened.project)
        if asks or watches:  # otherwise the task ends here, and its end is written
            await context.checkpoint(order.state())
        if asks:
            await self._ask_in(place, context)
        if watches:
            where = replace(place, channel_id=posted.channel_id)
            if where.channel_id != place.channel_id:  # there is no such thread
                where = replace(where, thread_ts=None)
            card = message_state_of(opened, place.user_id, order.for_person)
            try:
                if not await self.following.begin(where, posted.ts, card, opened.project):
                    now = await self.projects.get_project(opened.project.id)
                    await self.poster.update(where, posted.ts, project_message(now, card))
            except SlackCallFailed as refused:
                if refused.retryable:
                    raise
                log.info("cannot watch this message", slack_error=refused.error)

    def remembered(self, state: State) -> tuple[Change, ...]:
        """Return the change that puts a project into the person's list, once it is open."""
        return (
            self._remembered(OpenProjectTask.model_validate(state)) if state.get("opened") else ()
        )

    def _remembered(self, order: OpenProjectTask) -> tuple[Change, ...]:
        if order.opened is None or not order.place.user_id:
            return ()
        project = order.opened.project
        recent = Recent(
            project_id=project.id, name=project.name, team=order.opened.team, at=datetime.now(UTC)
        )
        return (self.recents.addition(order.place.user_id, recent),)

    async def _ask_in(self, place: ReplyTarget, context: TaskContext) -> None:
        """Tell a person once a channel how to invite the bot; nobody can be added to a DM."""
        if place.channel_id.startswith("D") or place.channel_id in self._invited:
            return
        self._invited.add(place.channel_id)
        with suppress(SlackCallFailed):  # it is in the log
            await self.poster.send_privately(place, invite(), guard=context.may_post)
