"""The last projects that each person opened. All replicas share them."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from bot.durable.model import Amend, State
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

    projects: tuple[Recent, ...] = ()


class Recents:
    """Store the last five projects of each person.

    Args:
        store: holds one document for each person.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def addition(self, user_id: str, recent: Recent) -> Amend:
        """Return the change that puts a project first in a person's list; the caller commits it."""
        added = recent.model_dump(mode="json")

        def change(document: State | None) -> State:
            kept = (document or {}).get("projects", ())
            others = [one for one in kept if one["project_id"] != recent.project_id]
            return {"projects": [added, *others][:MOST_EACH]}

        return self._store.amendment(_COLLECTION, user_id, change)

    async def of(self, user_id: str) -> list[Recent]:
        """Return a person's projects, newest first.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        found = await self._store.read(_COLLECTION, user_id)
        return list(_Document.model_validate(found or {}).projects)
