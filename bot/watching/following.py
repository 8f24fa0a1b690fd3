"""An answer begins to be watched."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from bot.baseten.models import TrainingProject
from bot.posting import Place, Poster
from bot.views.project import Card, project_message
from bot.watching.watches import Watch, Watches


@dataclass(frozen=True, slots=True)
class Following:
    """Watch answers for people.

    Attributes:
        now: an aware clock.
    """

    poster: Poster
    watches: Watches
    now: Callable[[], datetime]

    async def begin(self, place: Place, ts: str, card: Card, project: TrainingProject) -> None:
        """Watch an answer for a person, beside those who watch it already.

        Done twice, it is as done once: a watch goes on as it was, with what it has seen.

        Args:
            place: who, and the channel and thread of the answer.
            ts: which message the answer is.
            card: what the answer remembers.
            project: as it is now; where the answer is watched already, the watch knows better
                what was told of it.

        Raises:
            NotTakenError: the bot cannot change this message, and the person does not watch it.
        """
        new = Watch(
            id=uuid4().hex,
            channel_id=place.channel_id,
            ts=ts,
            thread_ts=place.thread_ts or ts,
            watchers=(place.user_id,),
            card=card,
            project=project,
            started_at=self.now(),
        )
        known = await self.watches.of(place.channel_id, ts)
        watch = (known or new).joined_by(place.user_id)
        shown = project_message(watch.project, card, followed=watch.followed())
        # First the message: it tells whether the bot may change it at all.
        await self.poster.update(Place(place.user_id, place.channel_id), ts, shown)
        if await self.watches.join(place.channel_id, ts, place.user_id) is None:
            await self.watches.begin(new)
