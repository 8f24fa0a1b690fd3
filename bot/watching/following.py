"""An answer begins to be watched."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from bot.baseten.models import TrainingProject
from bot.posting import Place, Poster
from bot.views.project import Card, Followed, project_message
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

        Args:
            place: who, and the channel and thread of the answer.
            ts: which message the answer is.
            card: what the answer remembers.
            project: as it is now.

        Raises:
            NotTakenError: the bot cannot change this message, and nothing is watched.
        """
        known = await self.watches.of(place.channel_id, ts)
        before = known.watchers if known else ()
        watchers = tuple(dict.fromkeys((*before, place.user_id)))
        shown = project_message(project, card, followed=Followed(watchers=watchers))
        # First the message: it tells whether the bot may change it at all.
        await self.poster.update(Place(place.user_id, place.channel_id), ts, shown)
        watch = Watch(
            id=uuid4().hex,
            channel_id=place.channel_id,
            ts=ts,
            thread_ts=place.thread_ts or ts,
            watchers=watchers,
            card=card,
            project=project,
            started_at=self.now(),
        )
        await self.watches.begin(watch)
