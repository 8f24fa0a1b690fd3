"""The rights that a watch lives on: those of its watchers, and those of its follow's creator."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.access.rules import Actor, RightsUnknownError, Verb
from bot.access.standing import StandingRights
from bot.follows.store import Follows
from bot.watches.changes import LONGEST
from bot.watches.model import Watch


@dataclass(frozen=True, slots=True)
class WatchRights:
    """Ask for the rights before each update and each post.

    Each method raises `RightsUnknownError` while nobody tells the rights. After two weeks of
    that, they count as lost.

    Attributes:
        rights: decides.
        follows: the store of follows, which live on their creators' rights.
        now: the clock of the watches.
    """

    rights: StandingRights
    follows: Follows
    now: Callable[[], datetime]

    async def lost(self, watch: Watch) -> tuple[str, ...]:
        """Return the watchers who cannot view the project any more."""
        if watch.drawn >= watch.revision and watch.closing:
            return ()  # a farewell shows nothing of the project's news
        actors = [Actor(id=each, channel_id=watch.channel_id) for each in watch.watchers]
        try:
            refused = await self.rights.refused(Verb.VIEW, watch.project.team_name or "", *actors)
        except RightsUnknownError:
            if self._is_too_long(watch):
                return watch.watchers
            raise
        return tuple(actor.id for actor in refused)

    async def lost_follow(self, watch: Watch) -> bool:
        """Return whether the follow that posted the message has ended; see `Follows.allowed`."""
        if watch.follow is None:
            return False
        team = watch.project.team_name or watch.message_state.team
        try:
            return await self.follows.allowed(watch.follow.key, watch.follow.id, team) is None
        except RightsUnknownError:
            if self._is_too_long(watch):
                return True
            raise

    async def end_follow(self, watch: Watch, slack_error: str) -> None:
        """End the follow that posted the message, if one did: its channel takes no more."""
        if watch.follow is None:
            return
        follow = await self.follows.get(watch.follow.key, watch.follow.id)
        if follow is not None:
            await self.follows.end(follow, slack_error)

    def _is_too_long(self, watch: Watch) -> bool:
        waits = watch.outbox[0].at if watch.outbox else watch.drawn_at or watch.started_at
        return self.now() - waits > LONGEST
