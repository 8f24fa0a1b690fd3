"""The end of the follows whose project or team Baseten no longer has."""

from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

import structlog

from bot.access.rules import RightsUnknownError
from bot.baseten.client import Baseten
from bot.baseten.errors import BasetenError, Refused
from bot.durable.store import Store
from bot.follows.model import GONE, Follow, Kind
from bot.follows.store import Follows
from bot.watches.fetches import fetch_each
from bot.watches.followed import Listed
from bot.watches.job_lookup import NOT_FOUND
from bot.watches.store import Watches

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GoneProjects:
    """End the follows of deleted projects and teams.

    Attributes:
        baseten: the API client, without repeats.
        store: holds the lease.
        follows: the store of follows.
        watches: the store of watches.
    """

    baseten: Baseten
    store: Store
    follows: Follows
    watches: Watches

    async def end(self, listed: Listed, follows: Sequence[Follow]) -> None:
        """End the follows of projects and teams that the list of projects lacks.

        A list alone can be wrong: Baseten must not know the project by its id, and must list other
        teams without this one. The live messages come first: they end with their follow.
        """
        absent = [each.scope for each in follows if not listed.shows(each.scope)]
        if not absent:
            return
        live = [each.project for each in await self.watches.all() if each.follow]
        projects = {each.project_id for each in absent if each.kind is Kind.PROJECT}
        found = sorted(projects - {each.id for each in live})
        async with aclosing(fetch_each(found, self._is_gone)) as fetched:
            gone = {(Kind.PROJECT, project_id) async for project_id, is_gone in fetched if is_gone}
        teams = {each.team for each in absent if each.kind is Kind.TEAM}
        lost = await self._gone_teams(teams - {each.team_name for each in live})
        gone |= {(Kind.TEAM, name) for name in lost}
        for follow in follows:
            if (follow.scope.kind, follow.scope.project_id or follow.scope.team) not in gone:
                continue
            await self.store.hold_lease()
            with suppress(RightsUnknownError):  # a later poll ends it
                if await self.follows.allowed(follow.key, follow.id, follow.scope.team):
                    await self.follows.end(follow, GONE)

    async def _is_gone(self, project_id: str) -> bool:
        try:
            await self.baseten.get_training_project(project_id)
        except BasetenError as error:
            if isinstance(error, Refused) and error.status == NOT_FOUND:
                return True
            log.info("cannot get a followed project", error=str(error))
        return False

    async def _gone_teams(self, names: set[str]) -> set[str]:
        """Return those of the teams that a list of teams lacks; none after an empty list."""
        try:
            known = {team.name for team in await self.baseten.list_teams()} if names else set()
        except BasetenError as error:
            log.info("cannot list the teams", error=str(error))
            return set()
        return names - known if known else set()
