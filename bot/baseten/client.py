"""The client of the management API, with one method for each endpoint."""

from collections.abc import AsyncIterator, Callable, Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlencode

import httpx

from bot.baseten.lists import Item, KnownItems, read_list
from bot.baseten.measures import Capacities, Checkpoint, Checkpoints, Metrics
from bot.baseten.models import (
    UNDER_WAY,
    LogLine,
    Logs,
    OneTrainingJob,
    OneTrainingProject,
    OnlyTrainingJob,
    ProjectJobs,
    ProjectName,
    Team,
    Teams,
    TrainingJob,
    TrainingJobs,
    TrainingProject,
    only_named,
    only_projects,
)
from bot.baseten.project_heads import ProjectHead, heads_since
from bot.baseten.requests import Requests

_ONCE = 10.0  # seconds for a call that is not idempotent: a peer takes its task over after that
_LATE_LOGS = timedelta(minutes=1)  # after the end of a job, in which more lines can arrive
_LOG_WINDOW = timedelta(days=7) - _LATE_LOGS  # before the end; the API allows a window of 7 days


@dataclass(frozen=True, slots=True)
class Upserted:
    """The result of an upsert.

    Attributes:
        project: the project, new or unchanged.
        took: seconds from the start of the first attempt to the answer.
        answered_at: the server's time of the answer (the ``Date`` header), in whole seconds; None
            if the answer has no such header.
    """

    project: TrainingProject
    took: float
    answered_at: datetime | None


class Baseten(Requests):
    """Call the management API.

    Every method raises ``Unreachable``, ``Refused`` or ``Unreadable`` of ``bot.baseten.errors``.
    Failed requests are repeated for up to 45 seconds, because every request is idempotent, except
    the one of `recreate_training_job`, and those of a client `without_repeats`.
    """

    async def list_teams(self) -> list[Team]:
        """Return the teams that the key can see. ``GET /v1/teams``"""
        return (await self._call(Teams, "GET", "/v1/teams")).body.teams

    async def upsert_training_project(self, team_id: str, name: str) -> Upserted:
        """Create the project, or return the existing project unchanged.

        ``POST /v1/teams/{team_id}/training_projects``

        The call is idempotent: one team and one name always give one project.
        """
        answer = await self._call(
            OneTrainingProject,
            "POST",
            f"/v1/teams/{quote(team_id, safe='')}/training_projects",
            {"training_project": {"name": name}},
        )
        return Upserted(answer.body.training_project, answer.took, _date(answer.response))

    async def list_training_projects(self, wanted: Container[str]) -> list[TrainingProject]:
        """Return the projects with these ids that the key can see. ``GET /v1/training_projects``

        The API returns all projects. No model is built for a project with another id.
        """
        projects = self._list_projects(only_projects(wanted))
        return [project async for project in projects if project is not None]

    def list_project_names(self) -> AsyncIterator[ProjectName]:
        """Yield the names of all projects, slice by slice. ``GET /v1/training_projects``"""
        return self._list_projects(ProjectName.read)

    def list_projects_named(self, name: str) -> AsyncIterator[TrainingProject | None]:
        """Yield the projects of exactly this name, and None for each other one."""
        return self._list_projects(only_named(name))

    async def list_project_heads(self, since: datetime) -> list[ProjectHead]:
        """Return the heads of all projects; see `heads_since`. ``GET /v1/training_projects``"""
        return [head async for head in self._list_projects(heads_since(since))]

    def read_training_projects(self, read: Callable[[object], Item]) -> AsyncIterator[Item]:
        """Yield ``read`` of each project's JSON, in slices. ``GET /v1/training_projects``

        ``read`` raises ``ValueError`` for JSON that is not a valid project.
        """
        return self._list_projects(read)

    async def get_training_project(self, project_id: str) -> TrainingProject:
        """Return one project. ``GET /v1/training_projects/{training_project_id}``"""
        path = _project(project_id)
        return (await self._call(OneTrainingProject, "GET", path)).body.training_project

    async def list_training_jobs(self, project_id: str) -> ProjectJobs:
        """Return a project and all its jobs.

        ``GET /v1/training_projects/{training_project_id}/jobs``
        """
        path = f"{_project(project_id)}/jobs"
        return (await self._call(ProjectJobs, "GET", path)).body

    async def get_job_in_project(self, project_id: str, job_id: str) -> OneTrainingJob:
        """Return one job with its project, which the same answer holds.

        ``GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}``
        """
        return (await self._call(OneTrainingJob, "GET", _job(project_id, job_id))).body

    async def stop_training_job(self, project_id: str, job_id: str) -> None:
        """Ask Baseten to stop a job, which ends a moment later.

        ``POST /v1/training_projects/{training_project_id}/jobs/{training_job_id}/stop``

        The call is idempotent: a repeat stops nothing else. The API refuses it for a job that has
        ended.
        """
        await self._call(OnlyTrainingJob, "POST", f"{_job(project_id, job_id)}/stop", {})

    async def recreate_training_job(self, project_id: str, job_id: str) -> TrainingJob:
        """Start a new job with the configuration of this one, and return it.

        ``POST /v1/training_projects/{training_project_id}/jobs/{training_job_id}/recreate``

        Each call starts another job, so the request is sent once, whatever its answer.
        """
        path = f"{_job(project_id, job_id)}/recreate"
        answer = await self._call_once(OnlyTrainingJob, "POST", path, {}, _ONCE)
        return answer.training_job

    async def update_training_job(
        self, project_id: str, job_id: str, change: Mapping[str, str | int]
    ) -> None:
        """Change a job that is pending.

        ``PATCH /v1/training_projects/{training_project_id}/jobs/{training_job_id}``

        The call is idempotent: it sets a value.

        Args:
            project_id: the project of the job.
            job_id: the job.
            change: ``availability_model`` or ``priority`` with its new value.
        """
        await self._call(OnlyTrainingJob, "PATCH", _job(project_id, job_id), dict(change))

    async def search_training_jobs(self) -> list[TrainingJob]:
        """Return the jobs of all projects with a status of ``UNDER_WAY``.

        ``POST /v1/training_jobs/search``

        The call is idempotent, because it only reads. A job that is not in the result has not
        always ended: see ``UNDER_WAY``.
        """
        sent = {"statuses": list(UNDER_WAY)}
        answer = await self._call(TrainingJobs, "POST", "/v1/training_jobs/search", sent)
        return answer.body.training_jobs

    async def read_training_jobs(
        self, read: Callable[[object], Item], known: KnownItems[Item] | None = None
    ) -> AsyncIterator[Item]:
        """Yield ``read`` of each job's JSON, in slices that do not block the event loop.

        The request is the one of `search_training_jobs`. ``read`` raises ``ValueError`` for JSON
        that is not a valid job. Jobs that are ``known`` from the last answer are not read again.
        """
        sent = {"statuses": list(UNDER_WAY)}
        response, _ = await self._ask("POST", "/v1/training_jobs/search", sent)
        async for item in read_list(response.content, "training_jobs", read, known):
            yield item

    async def get_training_job_logs(
        self, project_id: str, job_id: str, limit: int, ended_at: datetime | None = None
    ) -> list[LogLine]:
        """Return the last lines of a job's log, the oldest first.

        ``GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}/logs``

        Args:
            project_id: the project of the job.
            job_id: the job.
            limit: the maximum number of lines, from 1 to 1,000.
            ended_at: the end of the job. The result covers the 7 days before it and the minute
                after it. With None it covers the last 30 minutes, the API's default.
        """
        asked: dict[str, str | int] = {"direction": "desc", "limit": limit}
        if ended_at is not None:
            asked["start_epoch_millis"] = _millis(ended_at - _LOG_WINDOW)
            asked["end_epoch_millis"] = _millis(ended_at + _LATE_LOGS)
        path = f"{_job(project_id, job_id)}/logs?{urlencode(asked)}"
        return (await self._call(Logs, "GET", path)).body.logs[::-1]

    async def get_capacity(self) -> Capacities:
        """Return the GPUs of the organization and of its teams. ``GET /v1/training/capacity``"""
        return (await self._call(Capacities, "GET", "/v1/training/capacity")).body

    async def get_checkpoints(self, project_id: str, job_id: str) -> list[Checkpoint]:
        """Return a job's checkpoints, the oldest first.

        ``GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}/checkpoints``
        """
        path = f"{_job(project_id, job_id)}/checkpoints"
        found = (await self._call(Checkpoints, "GET", path)).body.checkpoints
        return sorted(found, key=lambda checkpoint: checkpoint.created_at)

    async def get_metrics(
        self, project_id: str, job_id: str, start: datetime, end: datetime
    ) -> Metrics:
        """Return the use of a job's GPUs between two times.

        ``GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}/metrics``
        """
        asked = {"start_epoch_millis": _millis(start), "end_epoch_millis": _millis(end) + 1}
        path = f"{_job(project_id, job_id)}/metrics?{urlencode(asked)}"
        return (await self._call(Metrics, "GET", path)).body

    async def _list_projects(self, read: Callable[[object], Item]) -> AsyncIterator[Item]:
        response, _ = await self._ask("GET", "/v1/training_projects")
        async for item in read_list(response.content, "training_projects", read):
            yield item


def _project(project_id: str) -> str:
    return f"/v1/training_projects/{quote(project_id, safe='')}"


def _job(project_id: str, job_id: str) -> str:
    return f"{_project(project_id)}/jobs/{quote(job_id, safe='')}"


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _date(response: httpx.Response) -> datetime | None:
    try:
        date = parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)  # "-0000" is UTC too
