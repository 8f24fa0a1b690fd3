"""The current jobs of all projects, in two requests.

``POST /v1/training_jobs/search`` returns the jobs that have not ended, and
``GET /v1/training_projects`` returns the names, the teams and the latest job of each project. A job
that has ended is found only as the latest job of its project.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from bot.baseten.client import Baseten
from bot.baseten.errors import Refused
from bot.baseten.models import TrainingJob
from bot.baseten.project_heads import ProjectHead, head_of, is_current
from bot.projects.ttl_cache import TtlCache

log = structlog.stdlib.get_logger(__name__)

RECENT = timedelta(days=1)  # since the end of a job that is still listed
_PAGES_TTL = 30.0  # seconds in which the pages of a list show one state
_YIELD_EVERY = 500  # jobs or projects, between two yields to the event loop
# The key lacks the permission, or the server does not support the request.
_REFUSALS = frozenset({400, 403, 404, 405, 422, 501})

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job with its project.

    Attributes:
        project: the project; its name is its id if Baseten refuses the list of projects.
    """

    job: TrainingJob
    project: ProjectHead


@dataclass(frozen=True, slots=True)
class CurrentJobs:
    """The jobs that run, wait, or ended lately, in no order.

    Attributes:
        jobs: the jobs.
        search_refused: Baseten refused the search, so only the latest job of a project is listed.
        projects_refused: Baseten refused the list of projects, so jobs have no names of projects
            and teams, and jobs that have ended are missing.
    """

    jobs: tuple[ListedJob, ...]
    search_refused: bool = False
    projects_refused: bool = False


class JobList:
    """Read the current jobs. Concurrent callers share the requests.

    Every coroutine raises the errors of ``bot.baseten.errors``.

    Args:
        baseten: the management API.
        now: an aware clock.
    """

    def __init__(self, baseten: Baseten, now: Callable[[], datetime]) -> None:
        self._baseten = baseten
        self._now = now
        self._searched = TtlCache(baseten.search_training_jobs, _PAGES_TTL)
        self._listed = TtlCache(self._list, _PAGES_TTL)

    async def projects(self, *, fresh: bool) -> Sequence[ProjectHead]:
        """Return the heads of all projects; unless ``fresh``, those of the last 30 seconds."""
        return await self._listed.get(asked_since=_since(fresh=fresh))

    async def current(self, *, fresh: bool, listed: bool = False) -> CurrentJobs:
        """Return the current jobs of all projects; unless ``fresh``, those of the last 30 seconds.

        Args:
            fresh: ask Baseten again.
            listed: the projects were listed for this request already.

        Raises:
            BasetenError: Baseten refused both requests, or did not answer one of them.
        """
        jobs, heads = await asyncio.gather(
            _or_refusal(self._searched.get(asked_since=_since(fresh=fresh))),
            _or_refusal(self._listed.get(asked_since=_since(fresh=fresh and not listed))),
        )
        if isinstance(jobs, Refused) and isinstance(heads, Refused):
            raise jobs
        for refused in (jobs, heads):
            if isinstance(refused, Refused):
                log.info("Baseten refuses a part of the current jobs", error=str(refused))
        return CurrentJobs(
            await _joined(
                () if isinstance(jobs, Refused) else jobs,
                () if isinstance(heads, Refused) else heads,
            ),
            search_refused=isinstance(jobs, Refused),
            projects_refused=isinstance(heads, Refused),
        )

    async def of_project(self, project_id: str) -> tuple[ProjectHead, CurrentJobs]:
        """Return a project, and its current jobs.

        ``GET /v1/training_projects/{training_project_id}/jobs``
        """
        listed = await self._baseten.list_training_jobs(project_id)
        since, head = self._now() - RECENT, head_of(listed.training_project)
        jobs = [job for job in listed.training_jobs if is_current(job, since)]
        return head, CurrentJobs(tuple(ListedJob(job, head) for job in jobs))

    async def _list(self) -> Sequence[ProjectHead]:
        return await self._baseten.list_project_heads(self._now() - RECENT)


async def _joined(
    searched: Iterable[TrainingJob], listed: Sequence[ProjectHead]
) -> tuple[ListedJob, ...]:
    """Return the jobs of both answers with their projects; of two states of a job, the later."""
    heads: dict[str, ProjectHead] = {}
    jobs: dict[str, ListedJob] = {}
    for number, head in enumerate(listed):
        heads[head.id] = head
        if (job := head.latest_job) is not None:
            jobs[job.id] = ListedJob(job, head)
        await _yield(number)
    for number, job in enumerate(searched):
        known = jobs.get(job.id)
        if known is None or known.job.updated_at < job.updated_at:
            jobs[job.id] = ListedJob(job, _head(job, heads))
        await _yield(number)
    return tuple(jobs.values())


def _head(job: TrainingJob, heads: Mapping[str, ProjectHead]) -> ProjectHead:
    project_id = job.training_project_id or ""
    return heads.get(project_id) or ProjectHead(project_id, project_id, "")


async def _yield(number: int) -> None:
    if number % _YIELD_EVERY == _YIELD_EVERY - 1:
        await asyncio.sleep(0)


async def _or_refusal(asked: Coroutine[Any, Any, Answer]) -> Answer | Refused:
    """Return the answer, or a refusal that holds for every repeat."""
    try:
        return await asked
    except Refused as refused:
        if refused.status not in _REFUSALS:
            raise
        return refused


def _since(*, fresh: bool) -> float | None:
    return time.monotonic() if fresh else None
