"""The end of the follows whose project Baseten no longer has."""

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
    """End the follows of deleted projects.

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
        """End the follows of projects that the list lacks and that Baseten does not know by id.

        A list alone can be wrong. The live messages of the project come first: they end with their
        follow.
        """
        absent = [
            each
            for each in follows
            if each.scope.kind is Kind.PROJECT and each.scope.project_id not in listed.covered
        ]
        if not absent:
            return
        waiting = {each.project.id for each in await self.watches.all() if each.follow}
        found = sorted({each.scope.project_id for each in absent} - waiting)
        async with aclosing(fetch_each(found, self._is_gone)) as fetched:
            gone = {project_id async for project_id, is_gone in fetched if is_gone}
        for follow in absent:
            if follow.scope.project_id not in gone:
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
