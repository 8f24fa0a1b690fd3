"""The last projects that each person opened, on record for every replica."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from bot.journal.journal import Journal

MOST_EACH = 5


class Recent(BaseModel):
    """A project that a person opened, and when."""

    model_config = ConfigDict(frozen=True)

    project_id: str
    name: str
    team: str
    at: datetime


class Recents:
    """Remember five projects a person.

    Both methods raise ``JournalUnavailableError``.

    Args:
        journal: keeps them, a collection for each person and a document for each project.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def add(self, user_id: str, recent: Recent) -> None:
        """Put a project first in a person's list; the sixth is forgotten."""
        value = recent.model_dump(mode="json")
        await self._journal.put(_collection(user_id), recent.project_id, value)
        await self.of(user_id)

    async def of(self, user_id: str) -> list[Recent]:
        """Return a person's projects, newest first, and forget those beyond the last five."""
        kept = await self._journal.read_all(_collection(user_id))
        found = [Recent.model_validate(value) for value in kept.values()]
        found.sort(key=lambda recent: recent.at, reverse=True)
        for old in found[MOST_EACH:]:
            await self._journal.remove(_collection(user_id), old.project_id)
        return found[:MOST_EACH]


def _collection(user_id: str) -> str:
    return f"recent projects of {user_id}"
