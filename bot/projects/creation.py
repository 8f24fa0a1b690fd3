"""Whether a request created its project, claiming nothing that is not known."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from bot.baseten.client import Upserted
from bot.durable.model import State
from bot.durable.store import Store
from bot.projects.bounded_set import BoundedSet

_CREATED = "created projects"  # documents: which task created a project
_CLOCKS = timedelta(minutes=1)  # that Baseten's clock and the database's may differ


class Outcome(Enum):
    """What is known of where the project came from."""

    CREATED = "created"
    EXISTED = "existed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Creations:
    """Let one task at most say that it created a project.

    Several requests at once can each look as if they created it; and so can the second attempt of a
    task, and a request that follows a killed process.

    Attributes:
        store: keeps which task created a project, where replicas share it.
        started: when this process began, on the monotonic clock.
    """

    store: Store
    started: float = field(default_factory=time.monotonic)
    _opened: BoundedSet = field(default_factory=BoundedSet)

    async def outcome(
        self,
        upserted: Upserted,
        task_id: str,
        *,
        listed: bool | None = None,
        begun_at: datetime | None = None,
    ) -> Outcome:
        """Return what a task can say of the project that it upserted.

        Args:
            upserted: the project, as the API returned it.
            task_id: the task.
            listed: whether the project was in the list of projects before; None: not known.
            begun_at: when the task first asked, if that attempt might have created the project.
        """
        project = upserted.project
        outcome = creation_outcome(upserted, listed=listed)
        if begun_at is not None and project.created_at > begun_at - _CLOCKS:
            outcome = Outcome.CREATED if outcome is Outcome.CREATED else Outcome.UNKNOWN
        if outcome is not Outcome.EXISTED:
            outcome = await self._first(upserted, outcome, task_id)
        self._opened.add(project.id)
        self._opened.add((project.id, task_id))
        return outcome

    async def _first(self, upserted: Upserted, outcome: Outcome, task_id: str) -> Outcome:
        """Return the outcome for the first task that says so; for the others, that it existed.

        Replicas share a document for each created project, and the first to write it wins. A
        process that is alone remembers. What an interrupted process created, nobody can tell.
        """
        project = upserted.project
        if not self.store.shared:
            if project.id in self._opened and (project.id, task_id) not in self._opened:
                return Outcome.EXISTED
            before = self.store.unclean_start and self._precedes(upserted)
            return Outcome.UNKNOWN if before else outcome

        def claimed(document: State | None) -> State | None:
            new = {"task": task_id} if outcome is Outcome.CREATED else None
            return document or new

        document = await self.store.amend(_CREATED, project.id, claimed)
        if document is None:
            return outcome
        return Outcome.CREATED if document["task"] == task_id else Outcome.EXISTED

    def _precedes(self, upserted: Upserted) -> bool:
        """Return whether the project might be older than this process, by Baseten's clock."""
        if upserted.answered_at is None:
            return True
        age = timedelta(seconds=time.monotonic() - self.started)
        return upserted.project.created_at < upserted.answered_at - age + timedelta(seconds=2)


def creation_outcome(upserted: Upserted, *, listed: bool | None = None) -> Outcome:
    """Tell whether this upsert created the project.

    The API does not say. A job proves that the project was there before. Otherwise its creation
    lies within the time of this very request, by the server's own clock, or before it. Without
    that clock, the list of projects proves that it was there, but not that it was not.
    """
    if upserted.project.latest_job is not None:
        return Outcome.EXISTED
    if upserted.answered_at is None:
        return Outcome.EXISTED if listed else Outcome.UNKNOWN
    # ``Date`` is cut to the second, so the request began up to a second later than this; a second
    # more is for clocks behind one API that differ a little.
    began = upserted.answered_at - timedelta(seconds=upserted.took + 1)
    return Outcome.CREATED if upserted.project.created_at >= began else Outcome.EXISTED
