"""The task that a command enqueues: open the project, and post a message about it.

The upsert and the first post are one attempt, without a write in between. A repeated upsert does no
harm, and after a kill the bot searches the channel for the message before it posts again.
"""

from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

import structlog

from bot.access.rules import Verb
from bot.baseten.errors import BasetenError, RequestOutcome, outcome_of
from bot.durable.context import TaskContext
from bot.durable.model import Change, Done, Outcome, RunAgain, State
from bot.handlers.approval import ApprovalGate
from bot.handlers.approved import run_approved
from bot.handlers.failures import Failures, Send
from bot.handlers.home import HomeHandler
from bot.handlers.open_task import OpenProjectTask
from bot.handlers.permissions import Permissions
from bot.handlers.posting import post_once, send_invitation
from bot.handlers.slow_notice import notify_if_slow
from bot.handlers.task_age import reject_if_expired
from bot.projects.bounded_set import BoundedSet
from bot.projects.creation import CreationOutcome
from bot.projects.readings import question_about
from bot.projects.recents import Recent, Recents
from bot.projects.service import ExistingProjects, Projects
from bot.slack.message import Message, PostedMessage, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.post_search import LOOKS
from bot.views.approval import after_approval, tries_again
from bot.views.failure import attempt_to_open
from bot.views.notice import not_compared, still_opening
from bot.views.project import is_watchable, message_state_of, project_message
from bot.views.question import question_message
from bot.watches.start import WatchStarter

log = structlog.stdlib.get_logger(__name__)

_OUTCOMES = {  # for the audit log
    CreationOutcome.CREATED: "created",
    CreationOutcome.EXISTED: "opened",
    CreationOutcome.UNKNOWN: "opened or created",
}


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
    home: HomeHandler
    gate: ApprovalGate
    ask_near_names: bool
    watch_answers: bool
    looks: tuple[float, ...] = LOOKS
    permissions: Permissions = field(default_factory=Permissions)
    _invited: BoundedSet = field(default_factory=BoundedSet)

    async def handle(self, context: TaskContext) -> Outcome:
        """Run the task; the person gets a message about each failure."""
        task = OpenProjectTask.model_validate(context.task.state)
        self.note(task, context)

        async def notice(message: Message) -> None:
            place = task.private_place
            await self.poster.send_privately(place, message, guard=context.may_post)

        async def send(message: Message) -> None:
            if task.approved_by:
                opened = bool(context.now().state.get("opened"))
                name, approver = task.request.name, task.approved_by
                message = after_approval(name, approver, message, opened=opened)
            await notice(message)

        async def work(answer: Send) -> Outcome:
            run = partial(self._run, task, context, notice, answer)
            if task.approved_by:  # the requester has agreed to wait
                waits = tries_again(task.request.name, task.approved_by)
                return await run_approved(context, run, partial(notice, waits))
            reject_if_expired(task.step, context.task)
            return await run()

        wording = partial(attempt_to_open, task.request, None if task.approved_by else task.place)
        outcome = await self.failures.run_task(context, task.place, wording, work, send)
        if outcome is None:
            outcome = Done(self.remembered(context.now().state))
        if task.home and isinstance(outcome, Done):
            end = OpenProjectTask.model_validate(context.now().state)
            self.home.redraw(task.place.user_id, _recent(end))
        return outcome

    async def _run(
        self,
        task: OpenProjectTask,
        context: TaskContext,
        notice: Send,
        answer: Send,
    ) -> Outcome:
        if task.step == "open":
            slow = partial(still_opening, task.request)
            async with nullcontext() if task.tries else notify_if_slow(notice, slow):
                found = await self.find_existing(task)
                question = self._question(task, found)
                admitted = None if question else await self.gate.admit(task, found, context)
                if admitted is not None:
                    task = await self.open(task, admitted, context)
            if question is not None:
                await answer(question)
            if admitted is None:
                return Done()
        if task.step == "post":
            posted = await self.post(task, context)
            if isinstance(posted, RunAgain):
                return posted
            task = task.model_copy(update={"step": "end", "posted": posted})
        await self.gate.tell_approved(task, context)
        await self._end(task, context)
        return Done(self._remembered(task))

    def _question(self, task: OpenProjectTask, found: ExistingProjects) -> Message | None:
        """Return the question to ask before anything is created; None if there is none."""
        asked = question_about(found) if self.ask_near_names and not task.sure else None
        return question_message(asked, task.place.thread_ts) if asked else None

    async def find_existing(self, task: OpenProjectTask) -> ExistingProjects:
        """Return the team, and the similar projects that the actor can view; see `Permissions`."""
        return await self.permissions.find_existing(task.actor(), self.projects, task.request)

    async def open(
        self, task: OpenProjectTask, found: ExistingProjects, context: TaskContext
    ) -> OpenProjectTask:
        """Do the first step: open the project."""
        stored = context.task
        begun = stored.created_at if stored.step_may_have_run else None
        try:
            opened = await self.projects.open_project(found, stored.id, begun_at=begun)
        except BasetenError as error:
            if outcome_of(error) is RequestOutcome.UNKNOWN:
                self.failures.audit.acted(
                    context, Verb.CREATE, "perhaps created", team=found.team.name, name=found.name
                )
            raise
        blind = self.ask_near_names and not task.sure and found.listed is None
        compared = not blind or opened.outcome is CreationOutcome.EXISTED
        update = {"step": "post", "opened": opened, "compared": compared, "tries": 0}
        task = task.model_copy(update=update)
        context.advance(task.state)
        self.note(task, context)
        return task

    def note(self, task: OpenProjectTask, context: TaskContext) -> None:
        """Note the open project for the audit log, in each attempt after the upsert too."""
        if (opened := task.opened) is None:
            return
        self.failures.audit.acted(
            context,
            self.permissions.verb_to_open(task.actor(), opened),
            _OUTCOMES[opened.outcome],
            team=opened.team,
            project=opened.project.id,
            name=opened.project.name,
        )

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
        if task.opened is not None:
            self.permissions.require_shown(task.actor(), task.opened)
        posted = await self._post(task, context)
        if isinstance(posted, PostedMessage):
            self.failures.answered(context, posted.channel_id, posted.ts)
        return posted

    async def _post(
        self, task: OpenProjectTask, context: TaskContext
    ) -> PostedMessage | RunAgain | None:
        place, opened = task.place, task.opened
        if not place.channel_id or opened is None:
            return None
        state = message_state_of(opened, place.user_id, task.for_person)
        message = project_message(opened.project, state)
        return await post_once(self.poster, context, self.looks, place, message)

    async def _end(self, task: OpenProjectTask, context: TaskContext) -> None:
        """Do the last step: the invitation, the note about similar names, and the watch."""
        place, opened, posted = task.place, task.opened, task.posted
        if opened is None or posted is None:
            return
        invites = not posted.as_member and place.response_url
        watches = self.watch_answers and posted.ts and is_watchable(opened.project)
        watches = watches and self.permissions.can_view(place, opened.team)
        if invites or watches or not task.compared:  # otherwise the task ends now, with one write
            # After a kill the note is not sent.
            await context.checkpoint(task.state(compared=True))
        if invites:
            await send_invitation(self.poster, self._invited, place, context)
        if not task.compared:
            with suppress(SlackCallFailed):  # the log has it
                note = not_compared(task.request.name)
                await self.poster.send_privately(place, note, guard=context.may_post)
        if watches:
            here = posted.channel_id == place.channel_id  # another channel has no such thread
            where = place if here else replace(place, channel_id=posted.channel_id, thread_ts=None)
            state = message_state_of(opened, place.user_id, task.for_person)
            try:
                read = partial(self.projects.get_project, opened.project.id)
                await self.watch_starter.start(where, posted.ts, state, opened.project, read)
            except SlackCallFailed as refused:
                if refused.retryable:
                    raise
                log.info("cannot watch this message", slack_error=refused.error)

    def remembered(self, state: State) -> tuple[Change, ...]:
        """Return the change that adds an open project to the person's list."""
        task = OpenProjectTask.model_validate(state) if state.get("opened") else None
        return self._remembered(task) if task else ()

    def _remembered(self, task: OpenProjectTask) -> tuple[Change, ...]:
        recent = _recent(task)
        if recent is None or not task.place.user_id:
            return ()
        return (self.recents.addition(task.place.user_id, recent),)


def _recent(task: OpenProjectTask) -> Recent | None:
    """Return the project that the task has opened, for the person's list."""
    if task.opened is None:
        return None
    project = task.opened.project
    return Recent(
        project_id=project.id, name=project.name, team=task.opened.team, at=datetime.now(UTC)
    )
