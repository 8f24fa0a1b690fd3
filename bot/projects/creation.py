"""The answer to "did this request create the project?": yes, no, or unknown."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from bot.baseten.client import Upserted
from bot.durable.model import State
from bot.durable.store import Store
from bot.projects.bounded_set import BoundedSet

_CREATED = "created projects"  # documents: the id of the task that created a project
_CLOCK_SKEW = timedelta(minutes=1)  # tolerated between the clocks of Baseten and the database


class CreationOutcome(Enum):
    """The origin of a project, as far as the bot knows it."""

    CREATED = "created"
    EXISTED = "existed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Creations:
    """Make sure that at most one task reports that it created a project.

    Without this check, several tasks could report the same creation: concurrent requests, the
    second attempt of a task, and a request that follows a killed process.

    Attributes:
        store: holds the id of the task that created each project, if replicas share the store.
        started: the start of this process, in seconds on the monotonic clock.
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
    ) -> CreationOutcome:
        """Return the outcome that this task can report for its upsert.

        Args:
            upserted: the project, as the API returned it.
            task_id: the task.
            listed: whether the list of projects held the project before; None if unknown.
            begun_at: the time of the task's first request, if an earlier attempt might have
                created the project.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        project = upserted.project
        outcome = creation_outcome(upserted, listed=listed)
        young = begun_at is not None and project.created_at > begun_at - _CLOCK_SKEW
        if young and outcome is not CreationOutcome.CREATED:
            outcome = CreationOutcome.UNKNOWN
        if outcome is not CreationOutcome.EXISTED:
            outcome = await self._first(upserted, outcome, task_id)
        self._opened.add(project.id)
        self._opened.add((project.id, task_id))
        return outcome

    async def _first(
        self, upserted: Upserted, outcome: CreationOutcome, task_id: str
    ) -> CreationOutcome:
        """Return the outcome for the first task that claims it, and EXISTED for every other task.

        Replicas share one document for each created project, and the first writer wins. A single
        process uses its memory. After an interrupted process, the outcome of a project that is
        older than this process is unknown.
        """
        project = upserted.project
        if not self.store.shared:
            if project.id in self._opened and (project.id, task_id) not in self._opened:
                return CreationOutcome.EXISTED
            before = self.store.unclean_start and self._precedes(upserted)
            return CreationOutcome.UNKNOWN if before else outcome

        def claimed(document: State | None) -> State | None:
            new = {"task": task_id} if outcome is CreationOutcome.CREATED else None
            return document or new

        document = await self.store.amend(_CREATED, project.id, claimed)
        if document is None:
            return outcome
        return CreationOutcome.CREATED if document["task"] == task_id else CreationOutcome.EXISTED

    def _precedes(self, upserted: Upserted) -> bool:
        """Return whether the project might be older than this process, by Baseten's clock."""
        age = timedelta(seconds=time.monotonic() - self.started)
        now, skew = upserted.answered_at, timedelta(seconds=2)
        return now is None or upserted.project.created_at < now - age + skew


def creation_outcome(upserted: Upserted, *, listed: bool | None = None) -> CreationOutcome:
    """Return whether this upsert created the project, judged by the answer alone.

    The API does not report it. A project with a job existed before. For a project without a job,
    the server's clock decides: a project that this request created is not older than the request.
    If the answer has no clock, the list of projects can prove that the project existed. The list
    cannot prove that the project is new. If the list held a project that looks new, another person
    might have created it a moment before, or the list is too old: the outcome is unknown.

    Args:
        upserted: the project, as the API returned it.
        listed: whether the list of projects held the project before; None if unknown.
    """
    if upserted.project.latest_job is not None or upserted.project.job_unreadable:
        return CreationOutcome.EXISTED
    if upserted.answered_at is None:
        return CreationOutcome.EXISTED if listed else CreationOutcome.UNKNOWN
    # ``Date`` has whole seconds, so the request began up to one second later. The other second
    # covers the skew between the servers of the API.
    began = upserted.answered_at - timedelta(seconds=upserted.took + 1)
    if upserted.project.created_at < began:
        return CreationOutcome.EXISTED
    return CreationOutcome.UNKNOWN if listed else CreationOutcome.CREATED
