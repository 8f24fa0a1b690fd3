"""The tasks that start and end the watch of a message."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from bot.access.rules import NotAllowedError, NotServedError, RightsUnknownError, Verb
from bot.baseten.errors import BasetenError
from bot.baseten.models import TrainingProject
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome
from bot.durable.task_state import TaskState
from bot.handlers.failures import Failures, Send
from bot.handlers.permissions import Permissions
from bot.projects.message_state import MessageState
from bot.projects.service import Projects
from bot.slack.message import ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.views.failure import READING, STOPPING, STOPPING_FOR_EVERYONE, FailureWording
from bot.views.notice import cannot_watch, nothing_to_watch, stopped
from bot.views.project import is_watchable, project_message
from bot.views.watch import job_has_ended, not_watching
from bot.watches.model import Watch
from bot.watches.redraw import show_present
from bot.watches.start import WatchStarter
from bot.watches.store import Watches

WATCH_MESSAGE = "watch/2"
WATCH_ONE_JOB = "watch job/1"
STOP_WATCH = "stop/2"
STOP_FOR_EVERYONE = "stop_all/1"


class WatchTask(TaskState):
    """The state of these tasks.

    Attributes:
        place: the person, and the channel of the message.
        ts: the message.
        message_state: the state that the message carries.
        watch_id: the watch to end or to leave, once it is known; empty if the message has none.
        job_id: the job to watch; empty: the project's latest one.
    """

    place: ReplyTarget
    ts: str
    message_state: MessageState
    watch_id: str | None = None
    job_id: str = ""


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
        """Start the watch; a person who watches the message already is not added again.

        The watch of one job replaces the message that was clicked.
        """
        return await self._run(context, READING, self._begin)

    async def leave(self, context: TaskContext) -> Outcome:
        """Take the person off the watch, which ends with its last watcher."""
        return await self._run(context, STOPPING, partial(self._stop, for_everyone=False))

    async def end_for_everyone(self, context: TaskContext) -> Outcome:
        """End the watch for everybody, and tell the others; the dialog of the menu has asked."""
        stop = partial(self._stop, for_everyone=True)
        return await self._run(context, STOPPING_FOR_EVERYONE, stop)

    async def _run(
        self,
        context: TaskContext,
        ended: FailureWording,
        work: Callable[[WatchTask, TaskContext, Send], Awaitable[None]],
    ) -> Outcome:
        """Run a task; `ended` has the words for a failure after the end of a watch."""
        task = WatchTask.model_validate(context.task.state)

        def words() -> FailureWording:
            return ended if context.now().state.get("watch_id") else READING

        async def answer(_: Send) -> Outcome:
            send = partial(self.poster.send_privately, task.place, guard=context.may_post)
            await work(task, context, send)
            self.failures.answered(context, task.place.channel_id, task.ts)
            return Done()

        return await self.failures.run_task(context, task.place, words, answer) or Done()

    async def _begin(self, task: WatchTask, context: TaskContext, send: Send) -> None:
        place, ts, state = task.place, task.ts, task.message_state
        watch = await self.watches.get(place.channel_id, ts)
        # A repeat joins its own watch without Baseten, which might refuse it now.
        project = await self._read(task) if watch is None else watch.project
        self.permissions.require(place, Verb.VIEW, project.team_name)
        job = project.latest_job
        if watch is None and not is_watchable(project):
            if task.job_id and job is not None:
                await send(job_has_ended(job))
                return
            await self.poster.update(place, ts, project_message(project, state))
            await send(nothing_to_watch(unreadable=project.job_unreadable))
            return
        try:
            read = partial(self._read, task)
            await self.watch_starter.start(place, ts, state, project, read)
        except SlackCallFailed as refused:
            if refused.retryable:
                raise
            await send(cannot_watch(refused.error, place.channel_id))
            return
        self._note(task, context, "watched", project)

    async def _read(self, task: WatchTask) -> TrainingProject:
        project_id = task.message_state.project_id
        if task.job_id:
            return await self.projects.get_project_with_job(project_id, task.job_id)
        return await self.projects.get_project(project_id)

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

    async def _stop(
        self, task: WatchTask, context: TaskContext, send: Send, *, for_everyone: bool
    ) -> None:
        person, place = task.place.user_id, (task.place.channel_id, task.ts)
        watch_id = task.watch_id
        if watch_id is None:
            meant = await self.watches.get(*place)
            if meant is not None:
                self.permissions.require(task.place, Verb.VIEW, meant.project.team_name)
                if not for_everyone and person not in meant.watchers:
                    await send(not_watching(meant.project.name, meant.watchers))
                    return
            watch_id = meant.id if meant else ""
            # A second run must not end a watch that began after the first.
            await context.checkpoint(task.state(watch_id=watch_id))
        before = None
        if watch_id:
            before = await self.watches.stop(*place, watch_id, None if for_everyone else person)
            outcome = "stopped for everyone" if for_everyone else "stopped watching"
            self._note(task, context, outcome, before.project if before else None)
            if for_everyone and before is not None:
                await self._notify_others(before, task.place, context)
        await show_present(
            self.poster,
            self.watches,
            task.place,
            task.ts,
            task.message_state,
            partial(self._present_project, task, before),
        )

    async def _present_project(self, task: WatchTask, before: Watch | None) -> TrainingProject:
        """Return the project after a stop; without Baseten, the last known one."""
        try:
            if before is not None and before.job is not None:
                project = await self.projects.get_project_with_job(before.project.id, before.job.id)
            else:
                project = await self.projects.get_project(task.message_state.project_id)
            self.permissions.require(task.place, Verb.VIEW, project.team_name)
        except (BasetenError, NotAllowedError, NotServedError, RightsUnknownError):
            if before is None:
                raise
            return before.project
        return project

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
