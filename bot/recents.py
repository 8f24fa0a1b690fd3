"""The last projects that each person opened, on record for every replica."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from bot.journal.journal import Journal
from bot.turns import Turns

MOST_EACH = 5
_COLLECTION = "recent projects"


class Recent(BaseModel):
    """A project that a person opened, and when."""

    model_config = ConfigDict(frozen=True)

    project_id: str
    name: str
    team: str
    at: datetime


class _Kept(BaseModel):
    """A person's document; the newest project comes first."""

    projects: tuple[Recent, ...] = ()


class Recents:
    """Remember five projects a person.

    Both methods raise ``JournalUnavailableError``.

    Args:
        journal: keeps them, a document for each person.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._turns = Turns()

    async def add(self, user_id: str, recent: Recent) -> None:
        """Put a project first in a person's list, and forget the sixth."""
        async with self._turns.of(user_id):
            others = [one for one in await self.of(user_id) if one.project_id != recent.project_id]
            kept = _Kept(projects=(recent, *others)[:MOST_EACH])
            await self._journal.put(_COLLECTION, user_id, kept.model_dump(mode="json"))

    async def of(self, user_id: str) -> list[Recent]:
        """Return a person's projects, newest first."""
        found = await self._journal.read(_COLLECTION, user_id)
        return list(_Kept.model_validate(found or {}).projects)
