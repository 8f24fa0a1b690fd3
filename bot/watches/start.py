"""An answer begins to be watched."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from bot.baseten.models import TrainingProject
from bot.projects.message_state import MessageState
from bot.slack.message import ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.views.project import WatchSummary, project_message
from bot.watches.model import Watch, Watches


@dataclass(frozen=True, slots=True)
class Following:
    """Watch answers for people.

    Attributes:
        now: an aware clock.
    """

    poster: Poster
    watches: Watches
    now: Callable[[], datetime]

    async def begin(
        self, place: ReplyTarget, ts: str, card: MessageState, project: TrainingProject
    ) -> bool:
        """Watch an answer for a person, beside those who watch it already.

        Done twice, it is as done once: a watch goes on as it was, with what it has seen.

        While the message is drawn, others may join, and reports may draw it too: whose picture is
        the last one, nobody can tell. So it is looked again, and drawn as it should be.

        Args:
            place: who, and the channel and thread of the answer.
            ts: which message the answer is.
            card: what the answer remembers.
            project: as it is now; where the answer is watched already, the watch knows better
                what was told of it.

        Returns:
            Whether it is watched now; False: it was, and its watch ended meanwhile, so that the
            project is no longer as it was and the message may be wrong.

        Raises:
            SlackCallFailed: the bot cannot change this message, and the person does not watch it;
                where it may have changed it (``outcome_unknown``), they do.
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
        wanted = (known or new).joined_by(place.user_id)
        drawn: Watch | None = None
        while drawn is None or _picture(wanted) != _picture(drawn):
            unconfirmed = await self._draw(wanted)
            if drawn is None and not await self._keep(new, known):
                return False
            if unconfirmed is not None:
                raise unconfirmed
            kept = await self.watches.of(place.channel_id, ts)
            if kept is None:
                return False
            wanted, drawn = kept, wanted
        return True

    async def _draw(self, watch: Watch) -> SlackCallFailed | None:
        """Draw the message; return why that may not have happened.

        It comes first: it tells whether the bot may change the message at all.

        Raises:
            SlackCallFailed: it did not.
        """
        message = project_message(watch.project, watch.card, followed=watch.followed())
        try:
            await self.poster.update(ReplyTarget("", watch.channel_id), watch.ts, message)
        except SlackCallFailed as refused:
            if not refused.outcome_unknown:
                raise
            return refused
        return None

    async def _keep(self, new: Watch, known: Watch | None) -> bool:
        """Join the watch that there is, or begin the new one where there was none."""
        (user_id,) = new.watchers
        if await self.watches.join(new.channel_id, new.ts, user_id) is not None:
            return True
        if known is None:
            await self.watches.begin(new)
        return known is None


def _picture(watch: Watch) -> tuple[TrainingProject, WatchSummary]:
    return watch.project, watch.followed()
