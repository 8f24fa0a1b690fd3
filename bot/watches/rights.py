"""The rights that a watch lives on: those of its watchers, at each update and at each post."""

from dataclasses import dataclass

from bot.access.access import Access
from bot.access.rules import Actor, Allows, Refusal, RightsUnknownError, Verb, allows
from bot.watches.model import Watch

_UNKNOWN = frozenset({Refusal.UNKNOWN_PERSON, Refusal.UNKNOWN_CHANNEL})


@dataclass(frozen=True, slots=True)
class WatchRights:
    """Ask for the rights of watchers in the channel of the watched message.

    Attributes:
        allows: decides.
        access: the rules of ``ACCESS_FILE``; None: there are none.
    """

    allows: Allows = allows
    access: Access | None = None

    async def lost(self, watch: Watch) -> tuple[str, ...]:
        """Return the watchers who cannot view the project any more.

        Raises:
            RightsUnknownError: nobody tells whether they can.
        """
        actors = [Actor(id=each, channel_id=watch.channel_id) for each in watch.watchers]
        if self.access is not None:
            await self.access.prepare(*actors)
        team = watch.project.team_name or ""
        refused = [actor for actor in actors if not self.allows(actor, Verb.VIEW, team)]
        for actor in refused:
            self._require_facts(actor)
        return tuple(actor.id for actor in refused)

    async def can_read_logs(self, user_id: str, watch: Watch) -> bool:
        """Return whether log lines can be shown on the rights of this person."""
        reader = Actor(id=user_id, channel_id=watch.channel_id)
        if self.access is not None:
            await self.access.prepare(reader)
        return self.allows(reader, Verb.LOGS, watch.project.team_name or "")

    def _require_facts(self, actor: Actor) -> None:
        if self.access is None:
            return
        if self.access.refusal(actor) in _UNKNOWN:
            raise RightsUnknownError(teams=False)
        self.access.require_facts(actor)
