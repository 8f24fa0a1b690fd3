"""The rights that a watch or a follow lives on, asked again at each update and each post."""

from dataclasses import dataclass

from bot.access.access import Access
from bot.access.rules import Actor, Allows, RightsUnknownError, Verb, allows


@dataclass(frozen=True, slots=True)
class StandingRights:
    """Ask for the rights of people when a task runs long after their request.

    Attributes:
        allows: decides.
        access: the rules of ``ACCESS_FILE``; None: there are none.
    """

    allows: Allows = allows
    access: Access | None = None

    async def refused(self, verb: Verb, team: str, *actors: Actor) -> tuple[Actor, ...]:
        """Return the actors who do not have the right any more.

        Raises:
            RightsUnknownError: nobody tells whether they have it.
        """
        await self._prepare(*actors)
        refused = tuple(actor for actor in actors if not self.allows(actor, verb, team))
        for actor in refused:
            self._require_facts(actor)
        return refused

    async def has(self, actor: Actor, verb: Verb, team: str) -> bool:
        """Return whether an actor has the right; False also while nobody tells."""
        await self._prepare(actor)
        return self.allows(actor, verb, team)

    async def _prepare(self, *actors: Actor) -> None:
        if self.access is not None:
            await self.access.prepare(*actors)

    def _require_facts(self, actor: Actor) -> None:
        if self.access is None:
            return
        if (refusal := self.access.refusal(actor)) is not None and refusal.is_unknown:
            raise RightsUnknownError(teams=False)
        self.access.require_facts(actor)
