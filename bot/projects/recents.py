"""The last projects that each person opened, for every replica."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from bot.durable.model import Amend, State
from bot.durable.store import Store

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

    Args:
        store: keeps a document for each person.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def addition(self, user_id: str, recent: Recent) -> Amend:
        """Return the change that puts a project first in a person's list."""
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
        return list(_Kept.model_validate(found or {}).projects)
