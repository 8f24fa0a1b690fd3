"""Starting the watch of a message."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeAlias
from uuid import uuid4

from bot.baseten.models import TrainingProject
from bot.projects.message_state import MessageState
from bot.slack.message import ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.views.project import WatchSummary, project_message
from bot.watches.model import Watch
from bot.watches.redraw import redraw
from bot.watches.store import Watches

_Shown: TypeAlias = tuple[TrainingProject, MessageState, WatchSummary]


@dataclass(frozen=True, slots=True)
class WatchStarter:
    """Start watches for people.

    Attributes:
        poster: calls Slack.
        watches: the store of watches.
        now: an aware clock.
    """

    poster: Poster
    watches: Watches
    now: Callable[[], datetime]

    async def start(
        self, place: ReplyTarget, ts: str, state: MessageState, project: TrainingProject
    ) -> bool:
        """Watch a message for a person, beside the people who watch it already.

        A second call for the same person changes nothing.

        Args:
            place: the person, and the channel and thread of the message.
            ts: the id of the message in its channel.
            state: the state that the message's buttons carry.
            project: the project now. A message that is watched already shows the project of its
                watch instead.

        Returns:
            Whether the message is watched now. False: its watch ended during this call; the
            project has changed since, and the message might be out of date.

        Raises:
            SlackCallFailed: the bot cannot change this message, and the person does not watch it.
                After an unknown outcome (``outcome_unknown``) the person watches it.
        """
        new = Watch(
            id=uuid4().hex,
            channel_id=place.channel_id,
            ts=ts,
            thread_ts=place.thread_ts or ts,
            watchers=(place.user_id,),
            message_state=state,
            project=project,
            started_at=self.now(),
        )
        known = await self.watches.get(place.channel_id, ts)
        wanted = _shown((known or new).joined_by(place.user_id))
        draw = partial(self._draw, place.channel_id, ts)
        unconfirmed: SlackCallFailed | None = None
        try:
            await draw(wanted)  # first, because it proves that the bot can change the message
        except SlackCallFailed as refused:
            if not refused.outcome_unknown:
                raise
            unconfirmed = refused
        if not await self._keep(new, known):
            return False
        if unconfirmed is not None:
            raise unconfirmed
        read = partial(self._read, place.channel_id, ts)
        return await redraw(await read(), read, draw, shown=wanted) is not None

    async def _read(self, channel_id: str, ts: str) -> _Shown | None:
        watch = await self.watches.get(channel_id, ts)
        return None if watch is None else _shown(watch)

    async def _draw(self, channel_id: str, ts: str, shown: _Shown) -> None:
        project, state, summary = shown
        message = project_message(project, state, watch=summary)
        await self.poster.update(ReplyTarget("", channel_id), ts, message)

    async def _keep(self, new: Watch, known: Watch | None) -> bool:
        """Join the existing watch, or save the new one if there was none."""
        (user_id,) = new.watchers
        if await self.watches.add_watcher(new.channel_id, new.ts, user_id) is not None:
            return True
        if known is None:
            await self.watches.create(new)
        return known is None


def _shown(watch: Watch) -> _Shown:
    return watch.project, watch.message_state, watch.summary()
