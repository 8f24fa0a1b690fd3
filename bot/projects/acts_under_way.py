"""The acts that are under way: at most one for each job, in all replicas."""

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from bot.durable.model import Amend
from bot.durable.parsed import ParsedDocuments
from bot.durable.store import Store
from bot.projects.job_acts import Act

_COLLECTION = "acts on jobs"
_LONGEST = timedelta(minutes=15)  # an older act ended without a trace, such as an abandoned task


class UnderWay(BaseModel):
    """An act that has begun.

    Attributes:
        task_id: its task.
        user_id: the person.
        act: the act.
        at: the time of its begin.
    """

    model_config = ConfigDict(frozen=True)

    task_id: str
    user_id: str
    act: Act
    at: datetime


class ActsUnderWay:
    """Let one act on a job end before the next one begins.

    Without this, two people who run a job again at the same moment would start two jobs.

    Args:
        store: holds one document for each job with an act.
    """

    def __init__(self, store: Store) -> None:
        self._documents = ParsedDocuments(store, _COLLECTION, UnderWay)

    async def begin(self, job_id: str, task_id: str, user_id: str, act: Act) -> UnderWay | None:
        """Begin the act of a task; a repeat by the same task is safe.

        Returns:
            The act of another task, which is under way; None: this act has begun.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        mine = UnderWay(task_id=task_id, user_id=user_id, act=act, at=datetime.now(UTC))

        def claimed(kept: UnderWay | None) -> UnderWay:
            if kept is None or kept.task_id == task_id or mine.at - kept.at >= _LONGEST:
                return mine
            return kept

        winner = await self._documents.amend(job_id, claimed)
        return None if winner == mine else winner

    def end(self, job_id: str, task_id: str) -> Amend:
        """Return the change that ends the act of a task; the caller commits it."""

        def released(kept: UnderWay | None) -> UnderWay | None:
            return None if kept is not None and kept.task_id == task_id else kept

        return self._documents.amendment(job_id, released)
