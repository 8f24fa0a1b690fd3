"""The *Watch* and *Stop watching* buttons: the answer follows its job until that ends."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.journal.journal import Entry
from bot.journal.steps import Done, Next, Steps
from bot.listeners.desk import Desk
from bot.listeners.inputs import Click, click
from bot.message import NotTakenError
from bot.posting import Place
from bot.views.failure import looking
from bot.views.notice import cannot_watch, nothing_to_watch
from bot.views.project import Card, can_follow, project_message
from bot.watching.following import Following
from bot.watching.watches import Watch

WATCH_ANSWER = "watch"


class _Wanted(BaseModel):
    """Who wants which answer watched; the journal keeps it."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    place: Place
    ts: str
    card: Card


@dataclass(frozen=True, slots=True)
class Watching:
    """Begin and end the watch of an answer."""

    desk: Desk
    following: Following

    async def watch(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack what is on disk; who watches an answer already is not added again."""
        clicked = click(body)
        card = Card.model_validate_json(clicked.value)
        wanted = _Wanted(place=clicked.place, ts=clicked.ts, card=card)
        work_id = f"watch:{clicked.trigger_id}"
        await self.desk.runner.accept(work_id, WATCH_ANSWER, wanted.model_dump(mode="json"))
        await ack()

    async def begin(self, entry: Entry, _: Steps) -> Next:
        """Begin the watch that was accepted."""
        wanted = _Wanted.model_validate(entry.state)
        tell = partial(self.desk.poster.tell, wanted.place)
        async with self.desk.failures.caught(looking(), tell, kept=True):
            await self._begin(wanted)
        return Done()

    async def _begin(self, wanted: _Wanted) -> None:
        project = await self.desk.projects.get_project(wanted.card.project_id)
        if not can_follow(project):
            drawn = project_message(project, wanted.card)
            await self.desk.poster.update(wanted.place, wanted.ts, drawn)
            await self.desk.poster.tell(wanted.place, nothing_to_watch())
            return
        try:
            await self.following.begin(wanted.place, wanted.ts, wanted.card, project)
        except NotTakenError as refused:
            if refused.passing or refused.maybe:
                raise
            await self.desk.poster.tell(wanted.place, cannot_watch())

    async def stop(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Stop at once, for everybody who watches; the message follows."""
        clicked = click(body)
        watch = await self.desk.watches.end(clicked.place.channel_id, clicked.ts)
        self.desk.start(clicked.place, looking(), lambda: self._redraw(clicked, watch))
        await ack()

    async def _redraw(self, clicked: Click, watch: Watch | None) -> None:
        card = Card.model_validate_json(clicked.value)
        project = watch.project if watch else await self.desk.projects.get_project(card.project_id)
        place = replace(clicked.place, response_url=None) if watch else clicked.place
        await self.desk.poster.update(place, clicked.ts, project_message(project, card))
