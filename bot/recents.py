"""The last projects that each person opened, kept in memory."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

MOST_EACH = 5
_MOST_PEOPLE = 10_000


@dataclass(frozen=True, slots=True)
class Recent:
    """A project that a person opened, and when."""

    project_id: str
    name: str
    team: str
    at: datetime


class Recents:
    """Remember five projects a person, for as long as the process lives."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, list[Recent]] = OrderedDict()

    def add(self, user_id: str, recent: Recent) -> None:
        """Put a project first in a person's list."""
        before = self._of.pop(user_id, [])
        others = [other for other in before if other.project_id != recent.project_id]
        self._of[user_id] = [recent, *others[: MOST_EACH - 1]]
        if len(self._of) > _MOST_PEOPLE:
            self._of.popitem(last=False)

    def of(self, user_id: str) -> list[Recent]:
        """Return a person's projects, newest first."""
        return list(self._of.get(user_id, ()))
