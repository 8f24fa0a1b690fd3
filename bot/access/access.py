"""The rules in force, and the facts that they need: the one place that decides about acts."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Protocol

from bot.access.access_file import AccessFile
from bot.access.grants import ANYWHERE, Decision, decide, is_unsure, refusal
from bot.access.groups import Directory, FactCache
from bot.access.rules import Actor, ActorKind, Refusal, RightsUnknownError, Verb
from bot.baseten.errors import BasetenError
from bot.baseten.models import Team

_PATIENCE = 1.0  # seconds that a request waits for facts; Slack waits 3 for an ack


class Teams(Protocol):
    """The list of teams that the API key can see."""

    def known_teams(self) -> Sequence[Team] | None:
        """Return the list if it is fresh, without a request."""

    def refresh_teams(self) -> None:
        """Start to fetch the list if it expires soon."""

    async def teams(self) -> Sequence[Team]:
        """Return the list; raise a ``BasetenError`` if Baseten does not."""


class Access:
    """Decide about acts by the rules of ``ACCESS_FILE``. Decisions themselves do no I/O.

    Await `prepare` before a decision, so that the facts are fresh; without rules that need facts,
    it costs nothing.

    Args:
        file: the rules.
        directory: asks Slack.
        teams: lists Baseten's teams.

    Attributes:
        file: the rules in force; SIGHUP replaces them.
    """

    def __init__(self, file: AccessFile, directory: Directory, teams: Teams) -> None:
        self.file = file
        self._teams = teams
        self._members = FactCache(directory.members)
        self._guests = FactCache(directory.is_guest)
        self._shared = FactCache(directory.is_shared)
        self._indexed: Sequence[Team] | None = None
        self._keys: dict[str, frozenset[str] | None] = {}
        self._waiting: set[asyncio.Future[Any]] = set()

    @property
    def has_grants(self) -> bool:
        """Whether everything that is not granted is refused."""
        return bool(self.file.grants)

    def __call__(self, actor: Actor, verb: Verb, team: str) -> bool:
        """Return whether the actor has the right to this act on a team, by name."""
        return self.decide(actor, verb, team).allowed

    def decide(self, actor: Actor, verb: Verb, team: str) -> Decision:
        """Decide about an act on a team, and name the rule."""
        return decide(self.file, self, actor, verb, team)

    def refusal(self, actor: Actor) -> Refusal | None:
        """Return the reason to do nothing at all for an actor, or in its channel."""
        return refusal(self.file, self, actor)

    def require_facts(self, actor: Actor) -> None:
        """Tell a missing right from one that nobody confirms; call it after a refusal.

        Raises:
            RightsUnknownError: the teams, or the members of a group, are unknown.
        """
        teams = self.has_grants and self._teams.known_teams() is None
        if teams or is_unsure(self.file, self, actor):
            raise RightsUnknownError(teams=teams)

    async def prepare(self, *actors: Actor, groups: Iterable[str] = ()) -> None:
        """Make the facts about these actors fresh; give up after a second.

        A fact that is still unknown then counts as no; its fetch goes on.

        Args:
            actors: the actors.
            groups: user groups that are needed beside those of the rules.
        """
        file = self.file
        fetches: list[asyncio.Future[Any] | None] = []
        fetches += [self._members.refresh(group) for group in file.groups.union(groups)]
        if file.grants:
            self._teams.refresh_teams()
            if self._teams.known_teams() is None:
                fetches.append(self._keep(self._list_teams()))
        for actor in actors:
            if file.guests == "deny" and actor.kind is ActorKind.PERSON and actor.id:
                fetches.append(self._guests.refresh(actor.id))
            if file.shared_channels == "deny" and actor.channel_id not in {"", ANYWHERE}:
                fetches.append(self._shared.refresh(actor.channel_id))
        if waits := [fetch for fetch in fetches if fetch is not None]:
            await asyncio.wait(waits, timeout=_PATIENCE)

    def members(self, group_id: str) -> frozenset[str] | None:
        """Return the people of a user group; None if they are unknown."""
        return self._members.get(group_id)

    def is_guest(self, user_id: str) -> bool | None:
        """Return whether a person is a guest; None if it is unknown."""
        return self._guests.get(user_id)

    def is_shared(self, channel_id: str) -> bool | None:
        """Return whether a channel is shared with another company; None if it is unknown."""
        return self._shared.get(channel_id)

    def team_keys(self, name: str) -> frozenset[str] | None:
        """Return the name and the id of the only team of this name.

        A name that is the id of another team stands for that team alone.
        """
        teams = self._teams.known_teams()
        if teams is None:
            return None
        if teams is not self._indexed:
            self._indexed, self._keys = teams, _index(teams)
        return self._keys.get(name)

    def _keep(self, work: Awaitable[None]) -> asyncio.Future[Any]:
        """Start work that goes on when nobody waits for it any more."""
        started = asyncio.ensure_future(work)
        self._waiting.add(started)
        started.add_done_callback(self._waiting.discard)
        return started

    async def _list_teams(self) -> None:
        try:
            await self._teams.teams()
        except BasetenError:
            return  # the request itself meets the same fault, and has the words for it


def _index(teams: Sequence[Team]) -> dict[str, frozenset[str] | None]:
    ids = {team.id for team in teams}
    keys: dict[str, frozenset[str] | None] = {}
    for team in teams:
        # Two teams of one name: jobs name their team, so nothing tells these teams apart.
        named = frozenset({team.id} if team.name in ids else {team.id, team.name})
        keys[team.name] = None if team.name in keys else named
    return keys
