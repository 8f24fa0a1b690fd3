"""The tasks that start and end the watch of a message."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel, ConfigDict

from bot.access.rules import NotAllowedError, NotServedError, RightsUnknownError, Verb
from bot.baseten.errors import BasetenError
from bot.baseten.models import TrainingProject
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome, State
from bot.handlers.failures import Failures, Send
from bot.handlers.permissions import Permissions
from bot.projects.message_state import MessageState
from bot.projects.service import Projects
from bot.slack.message import ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.views.failure import READING, STOPPING, STOPPING_FOR_EVERYONE, FailureWording
from bot.views.notice import cannot_watch, nothing_to_watch, stopped, stopped_early
from bot.views.project import is_watchable, project_message
from bot.views.watch import job_has_ended, not_watching
from bot.watches.model import Watch
from bot.watches.present import show_present
from bot.watches.start import WatchStarter
from bot.watches.store import Watches

WATCH_MESSAGE = "watch/2"
WATCH_ONE_JOB = "watch job/1"
STOP_WATCH = "stop/2"
STOP_FOR_EVERYONE = "stop_all/1"


class WatchTask(BaseModel):
    """The state of these tasks.

    Attributes:
        place: the person, and the channel of the message.
        ts: the message.
        message_state: the state that the message carries.
        watch_id: the watch to end or to leave, once it is known; empty if the message has none.
        job_id: the job to watch; empty: the project's latest one.
    """

    model_config = ConfigDict(frozen=True)

    place: ReplyTarget
    ts: str
    message_state: MessageState
    watch_id: str | None = None
    job_id: str = ""

    def state(self) -> State:
        """Return it as JSON."""
        return self.model_dump(mode="json")


class _NotWatchingError(Exception):
    """A person who does not watch wants to stop.

    Attributes:
        watch: the watch of the others.
    """

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch.id)
        self.watch = watch


@dataclass(frozen=True, slots=True)
class WatchHandler:
    """Start and end the watch of a message."""

    projects: Projects
    poster: Poster
    failures: Failures
    watches: Watches
    watch_starter: WatchStarter
    permissions: Permissions

    async def begin(self, context: TaskContext) -> Outcome:
        """Start the watch; a person who watches the message already is not added again."""
        return await self._run(context, READING, self._begin)

    async def begin_job(self, context: TaskContext) -> Outcome:
        """Watch one job in its own message, which replaces the message that was clicked."""
        return await self._run(context, READING, self._begin_job)

    async def leave(self, context: TaskContext) -> Outcome:
        """Take the person off the watch, which ends with its last watcher."""
        return await self._run(context, STOPPING, self._leave)

    async def end_for_everyone(self, context: TaskContext) -> Outcome:
        """End the watch for everybody, and tell the others; the dialog of the menu has asked."""
        return await self._run(context, STOPPING_FOR_EVERYONE, self._end_for_everyone)

    async def _run(
        self,
        context: TaskContext,
        ended: FailureWording,
        work: Callable[[WatchTask, TaskContext], Awaitable[None]],
    ) -> Outcome:
        """Run a task; `ended` has the words for a failure after the end of a watch."""
        task = WatchTask.model_validate(context.task.state)

        def words() -> FailureWording:
            return ended if context.now().state.get("watch_id") else READING

        async def answer(_: Send) -> Outcome:
            await work(task, context)
            self.failures.answered(context, task.place.channel_id, task.ts)
            return Done()

        return await self.failures.run_task(context, task.place, words, answer) or Done()

    async def _begin(self, task: WatchTask, context: TaskContext) -> None:
        send = partial(self.poster.send_privately, task.place, guard=context.may_post)
        watched = False
        while not watched:  # if a watch ended in between, the project has changed: read it again
            project = await self.projects.get_project(task.message_state.project_id)
            self.permissions.require(task.place, Verb.VIEW, project.team_name)
            joins = await self.watches.get(task.place.channel_id, task.ts) is not None
            if not joins and not is_watchable(project):
                await self.poster.update(
                    task.place, task.ts, project_message(project, task.message_state)
                )
                await send(nothing_to_watch(unreadable=project.job_unreadable))
                return
            watched = await self._started(task, context, project)

    async def _begin_job(self, task: WatchTask, context: TaskContext) -> None:
        send = partial(self.poster.send_privately, task.place, guard=context.may_post)
        watched = False
        while not watched:
            project = await self.projects.get_project_with_job(
                task.message_state.project_id, task.job_id
            )
            self.permissions.require(task.place, Verb.VIEW, project.team_name)
            job = project.latest_job
            if job is not None and not is_watchable(project):
                await send(job_has_ended(job))
                return
            watched = await self._started(task, context, project)

    async def _started(
        self, task: WatchTask, context: TaskContext, project: TrainingProject
    ) -> bool:
        """Start the watch of a project's job; return False if another watch has just ended."""
        where, state = task.place, task.message_state
        try:
            watched = await self.watch_starter.start(where, task.ts, state, project)
        except SlackCallFailed as refused:
            if refused.retryable:
                raise
            words = cannot_watch(refused.error, where.channel_id)
            await self.poster.send_privately(where, words, guard=context.may_post)
            if not refused.outcome_unknown:
                return True
            watched = True
        if watched:
            self._note(task, context, "watched", project)
        return watched

    def _note(
        self, task: WatchTask, context: TaskContext, outcome: str, project: TrainingProject | None
    ) -> None:
        """Note an act for the audit log; after a kill, the project of an ended watch is unknown."""
        state, job = task.message_state, project.latest_job if project else None
        self.failures.audit.acted(
            context,
            Verb.VIEW,
            outcome,
            team=project.team_name if project else state.team,
            project=state.project_id,
            name=project.name if project else "",
            job=job.id if job else "",
        )

    async def _meant(self, task: WatchTask, *, only_watchers: bool) -> tuple[WatchTask, bool]:
        """Return the task with its watch, and whether it was chosen in this run.

        A second run must not end a watch that began after the first.
        """
        if task.watch_id is not None:
            return task, False
        meant = await self.watches.get(task.place.channel_id, task.ts)
        if meant is not None:
            self.permissions.require(task.place, Verb.VIEW, meant.project.team_name)
            if only_watchers and task.place.user_id not in meant.watchers:
                raise _NotWatchingError(meant)
        return task.model_copy(update={"watch_id": meant.id if meant else ""}), True

    async def _leave(self, task: WatchTask, context: TaskContext) -> None:
        place = task.place
        try:
            task, new = await self._meant(task, only_watchers=True)
        except _NotWatchingError as error:
            watch = error.watch
            words = not_watching(watch.project.name, watch.watchers)
            await self.poster.send_privately(place, words, guard=context.may_post)
            return
        if new:
            await context.checkpoint(task.state())
        before = None
        if task.watch_id:
            before = await self.watches.get(place.channel_id, task.ts)
            await self.watches.leave(place.channel_id, task.ts, task.watch_id, place.user_id)
            self._note(task, context, "stopped watching", before.project if before else None)
        await self._show_present(task, before)
        if not task.watch_id:
            await self._answer_early(task, context)

    async def _end_for_everyone(self, task: WatchTask, context: TaskContext) -> None:
        task, new = await self._meant(task, only_watchers=False)
        if new:
            await context.checkpoint(task.state())
        ended = None
        if task.watch_id:
            ended = await self.watches.stop(task.place.channel_id, task.ts, task.watch_id)
            self._note(task, context, "stopped for everyone", ended.project if ended else None)
        if ended is not None:
            await self._notify_others(ended, task.place, context)
        await self._show_present(task, ended)
        if not task.watch_id:
            await self._answer_early(task, context)

    async def _answer_early(self, task: WatchTask, context: TaskContext) -> None:
        """Say that a stop did nothing, if a watch is there now: its start draws before it saves."""
        watch = await self.watches.get(task.place.channel_id, task.ts)
        if watch is not None:
            words = stopped_early(watch.project.name)
            await self.poster.send_privately(task.place, words, guard=context.may_post)

    async def _show_present(self, task: WatchTask, before: Watch | None) -> None:
        """Update the message after a stop; without Baseten, to the last known project."""
        try:
            if before is not None and before.job is not None:
                project = await self.projects.get_project_with_job(before.project.id, before.job.id)
            else:
                project = await self.projects.get_project(task.message_state.project_id)
            self.permissions.require(task.place, Verb.VIEW, project.team_name)
        except (BasetenError, NotAllowedError, NotServedError, RightsUnknownError):
            if before is None:
                raise
            project = before.project
        await show_present(
            self.poster, self.watches, task.place, task.ts, task.message_state, project
        )

    async def _notify_others(self, watch: Watch, place: ReplyTarget, context: TaskContext) -> None:
        """Send the other watchers a direct message, or an ephemeral one if Slack refuses it."""
        message = stopped(watch.project.name, place.user_id)
        for watcher in set(watch.watchers) - {place.user_id, ""}:
            post_id = f"{context.task.id}:{watcher}"
            try:
                await self.poster.post(
                    ReplyTarget(watcher), message, post_id, guard=context.may_post
                )
            except SlackCallFailed as refused:
                if refused.outcome_unknown:
                    continue
                there = ReplyTarget(watcher, place.channel_id)
                with suppress(SlackCallFailed):  # the log has it
                    await self.poster.send_privately(there, message, guard=context.may_post)
