"""The *Watch* and *Stop watching* buttons: the answer follows its job until that ends."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.baseten.errors import BasetenError
from bot.baseten.models import TrainingProject
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome
from bot.handlers.open_project import retry_later
from bot.handlers.services import Services
from bot.listeners.payloads import click
from bot.slack.message import ReplyTarget, SlackCallFailed
from bot.views.failure import FailureWording, looking, stopping
from bot.views.notice import cannot_watch, nothing_to_watch, stopped
from bot.views.project import MessageState, WatchSummary, is_watchable, project_message
from bot.watches.model import Watch
from bot.watches.redraw import redraw
from bot.watches.start import Following

WATCH_ANSWER = "watch/2"
STOP_ANSWER = "stop/2"


class _Wanted(BaseModel):
    """Who wants which answer watched, or no longer.

    Attributes:
        place: who, and where the answer is.
        ts: which message it is.
        card: what it remembers.
        watch_id: which watch is to end, once that is known; empty: there was none.
    """

    model_config = ConfigDict(frozen=True)

    place: ReplyTarget
    ts: str
    card: MessageState
    watch_id: str | None = None


@dataclass(frozen=True, slots=True)
class Watching:
    """Begin and end the watch of an answer."""

    services: Services
    following: Following

    async def watch(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack what is on disk; who watches an answer already is not added again."""
        await self._accept(WATCH_ANSWER, body)
        await ack()

    async def stop(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack what is on disk; the watch ends for everybody."""
        await self._accept(STOP_ANSWER, body)
        await ack()

    async def begin(self, context: TaskContext) -> Outcome:
        """Begin the watch that was asked for."""
        return await self._do(context, looking(), self._begin)

    async def end(self, context: TaskContext) -> Outcome:
        """End the watch, as was asked for."""
        return await self._do(context, stopping(), self._end)

    async def _accept(self, kind: str, body: dict[str, Any]) -> None:
        clicked = click(body)
        card = MessageState.model_validate_json(clicked.value)
        wanted = _Wanted(place=clicked.place, ts=clicked.ts, card=card)
        await self.services.enqueue(
            f"{kind}:{clicked.trigger_id}", kind, wanted.model_dump(mode="json"), clicked.place
        )

    async def _do(
        self,
        context: TaskContext,
        attempt: FailureWording,
        work: Callable[[_Wanted, TaskContext], Awaitable[None]],
    ) -> Outcome:
        wanted = _Wanted.model_validate(context.task.state)
        tell = partial(self.services.poster.send_privately, wanted.place, guard=context.may_post)
        try:
            await self.services.failures.report(
                attempt, tell, lambda: work(wanted, context), kept=True
            )
        except SlackCallFailed as refused:
            return retry_later(context, refused)
        return Done()

    async def _begin(self, wanted: _Wanted, context: TaskContext) -> None:
        tell = partial(self.services.poster.send_privately, wanted.place, guard=context.may_post)
        watched = False
        while not watched:  # a watch that ended meanwhile has changed what there is to watch
            project = await self.services.projects.get_project(wanted.card.project_id)
            if not is_watchable(project):
                drawn = project_message(project, wanted.card)
                await self.services.poster.update(wanted.place, wanted.ts, drawn)
                await tell(nothing_to_watch())
                return
            try:
                watched = await self.following.begin(wanted.place, wanted.ts, wanted.card, project)
            except SlackCallFailed as refused:
                if refused.retryable:
                    raise
                await tell(cannot_watch(refused.error))
                return

    async def _end(self, wanted: _Wanted, context: TaskContext) -> None:
        last: TrainingProject | None = None
        answer = (wanted.place.channel_id, wanted.ts)
        if wanted.watch_id is None:
            # Done again later, or by another process, it must not end a watch that began since.
            meant = await self.services.watches.of(*answer)
            wanted = wanted.model_copy(update={"watch_id": meant.id if meant else ""})
            await context.checkpoint(wanted.model_dump(mode="json"))
        if wanted.watch_id and (watch := await self.services.watches.end(*answer, wanted.watch_id)):
            last = watch.project
            await self._tell_others(watch, wanted.place, context)
        try:
            project = await self.services.projects.get_project(wanted.card.project_id)
        except BasetenError:
            if last is None:
                raise
            project = last
        await self._draw(wanted, project)

    async def _draw(self, wanted: _Wanted, project: TrainingProject) -> None:
        """Update the message until it shows its latest watch, or the project without a watch."""
        place, ts = wanted.place, wanted.ts

        async def read() -> tuple[TrainingProject, WatchSummary | None]:
            watch = await self.services.watches.of(place.channel_id, ts)
            return (watch.project, watch.followed()) if watch else (project, None)

        async def draw(shown: tuple[TrainingProject, WatchSummary | None]) -> None:
            message = project_message(shown[0], wanted.card, followed=shown[1])
            await self.services.poster.update(place, ts, message)

        await redraw(await read(), read, draw)

    async def _tell_others(self, watch: Watch, place: ReplyTarget, context: TaskContext) -> None:
        """Tell who else watched, where it is still there when they come back."""
        words = stopped(watch.project.name, place.user_id)
        for watcher in set(watch.watchers) - {place.user_id}:
            post_id = f"{context.task.id}:{watcher}"
            try:
                await self.services.poster.post(
                    ReplyTarget(watcher), words, post_id, guard=context.may_post
                )
            except SlackCallFailed as refused:
                if refused.outcome_unknown:
                    continue
                there = ReplyTarget(watcher, place.channel_id)
                with suppress(SlackCallFailed):  # it is in the log
                    await self.services.poster.send_privately(there, words, guard=context.may_post)
