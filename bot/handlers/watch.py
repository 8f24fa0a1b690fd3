"""The tasks that start and end the watch of a message."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel, ConfigDict

from bot.access.rules import NotAllowedError, Verb
from bot.baseten.errors import BasetenError
from bot.baseten.models import TrainingProject
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome, State
from bot.handlers.failures import Failures, Wording
from bot.handlers.permissions import Permissions
from bot.handlers.task_age import age, retry_later
from bot.projects.message_state import MessageState
from bot.projects.service import Projects
from bot.slack.message import Message, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.views.failure import READING, STOPPING
from bot.views.notice import cannot_watch, nothing_to_watch, stopped
from bot.views.project import WatchSummary, is_watchable, project_message
from bot.watches.model import Watch, Watches
from bot.watches.redraw import redraw
from bot.watches.start import WatchStarter

WATCH_MESSAGE = "watch/2"
STOP_WATCH = "stop/2"


class WatchTask(BaseModel):
    """The state of both tasks.

    Attributes:
        place: the person, and the channel of the message.
        ts: the message.
        message_state: the state that the message carries.
        watch_id: the watch to end, once it is known; empty if the message has none.
    """

    model_config = ConfigDict(frozen=True)

    place: ReplyTarget
    ts: str
    message_state: MessageState
    watch_id: str | None = None

    def state(self) -> State:
        """Return it as JSON."""
        return self.model_dump(mode="json")


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

    async def end(self, context: TaskContext) -> Outcome:
        """End the watch for everybody."""
        return await self._run(context, STOPPING, self._end)

    async def _run(
        self,
        context: TaskContext,
        wording: Wording,
        work: Callable[[WatchTask, TaskContext], Awaitable[None]],
    ) -> Outcome:
        task = WatchTask.model_validate(context.task.state)

        async def send(message: Message) -> None:
            await self.poster.send_privately(task.place, message, guard=context.may_post)
            self.failures.observer.answer(age(context.task), task.place.channel_id)

        async def answer() -> None:
            await work(task, context)
            self.failures.observer.answer(age(context.task), task.place.channel_id, task.ts)

        try:
            await self.failures.report_failures(wording, send, answer, retryable=True)
        except SlackCallFailed as refused:
            return retry_later(context, refused)
        return Done()

    async def _begin(self, task: WatchTask, context: TaskContext) -> None:
        send = partial(self.poster.send_privately, task.place, guard=context.may_post)
        watched = False
        while not watched:  # if a watch ended in between, the project has changed: read it again
            project = await self.projects.get_project(task.message_state.project_id)
            self.permissions.require(task.place, Verb.VIEW, project.team_name)
            if not is_watchable(project):
                await self.poster.update(
                    task.place, task.ts, project_message(project, task.message_state)
                )
                await send(nothing_to_watch())
                return
            try:
                watched = await self.watch_starter.start(
                    task.place, task.ts, task.message_state, project
                )
            except SlackCallFailed as refused:
                if refused.retryable:
                    raise
                await send(cannot_watch(refused.error))
                return

    async def _end(self, task: WatchTask, context: TaskContext) -> None:
        last: TrainingProject | None = None
        message = (task.place.channel_id, task.ts)
        if task.watch_id is None:
            # A second run must not end a watch that began after the first.
            meant = await self.watches.get(*message)
            if meant is not None:
                self.permissions.require(task.place, Verb.VIEW, meant.project.team_name)
            task = task.model_copy(update={"watch_id": meant.id if meant else ""})
            await context.checkpoint(task.state())
        if task.watch_id and (watch := await self.watches.delete(*message, task.watch_id)):
            last = watch.project
            await self._notify_others(watch, task.place, context)
        try:
            project = await self.projects.get_project(task.message_state.project_id)
            self.permissions.require(task.place, Verb.VIEW, project.team_name)
        except (BasetenError, NotAllowedError):
            if last is None:
                raise
            project = last
        await self._redraw(task, project)

    async def _redraw(self, task: WatchTask, project: TrainingProject) -> None:
        """Update the message to its present watch, or to the project if it has none."""
        place, ts = task.place, task.ts

        async def read() -> tuple[TrainingProject, WatchSummary | None]:
            watch = await self.watches.get(place.channel_id, ts)
            return (watch.project, watch.summary()) if watch else (project, None)

        async def draw(shown: tuple[TrainingProject, WatchSummary | None]) -> None:
            message = project_message(shown[0], task.message_state, watch=shown[1])
            await self.poster.update(place, ts, message)

        await redraw(await read(), read, draw)

    async def _notify_others(self, watch: Watch, place: ReplyTarget, context: TaskContext) -> None:
        """Send the other watchers a direct message, or an ephemeral one if Slack refuses it."""
        message = stopped(watch.project.name, place.user_id)
        for watcher in set(watch.watchers) - {place.user_id}:
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
