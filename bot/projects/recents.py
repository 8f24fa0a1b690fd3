"""The last projects that each person opened. All replicas share them."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from bot.durable.model import Amend
from bot.durable.parsed import ParsedDocuments
from bot.durable.store import Store

MOST_EACH = 5
_COLLECTION = "recent projects"


class Recent(BaseModel):
    """A project that a person opened.

    Attributes:
        project_id: the id in Baseten.
        name: the project's name.
        team: the team's name.
        at: the time at which the person opened it.
    """

    model_config = ConfigDict(frozen=True)

    project_id: str
    name: str
    team: str
    at: datetime


class _Document(BaseModel):
    """The document of one person, with the newest project first."""

    projects: tuple[Recent, ...]


class Recents:
    """Store the last five projects of each person.

    Args:
        store: holds one document for each person.
    """

    def __init__(self, store: Store) -> None:
        self._documents = ParsedDocuments(store, _COLLECTION, _Document)

    def addition(self, user_id: str, recent: Recent) -> Amend:
        """Return the change that puts a project first in a person's list; the caller commits it."""

        def change(kept: _Document | None) -> _Document:
            before = () if kept is None else kept.projects
            others = (one for one in before if one.project_id != recent.project_id)
            return _Document(projects=(recent, *others)[:MOST_EACH])

        return self._documents.amendment(user_id, change)

    async def of(self, user_id: str) -> list[Recent]:
        """Return a person's projects, newest first.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        found = await self._documents.read(user_id)
        return [] if found is None else list(found.projects)
