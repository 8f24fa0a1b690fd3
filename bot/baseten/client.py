"""The client of the management API, with one method for each endpoint."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Generic
from urllib.parse import quote, urlencode

import httpx
import structlog

from bot.baseten.errors import (
    Answer,
    RateLimited,
    Refused,
    Unreachable,
    Unreadable,
    check_status,
    decipher,
)
from bot.baseten.lists import Item, read_list
from bot.baseten.models import (
    UNDER_WAY,
    Capacities,
    GpuCapacity,
    LogLine,
    Logs,
    OneTrainingJob,
    OneTrainingProject,
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
from bot.baseten.repeats import RetryPolicy
from bot.retry import retry
from bot.telemetry.redaction import Redactor

log = structlog.stdlib.get_logger(__name__)

ATTEMPTS = 4
TOTAL_TIMEOUT = 45.0  # seconds for all attempts of one call and the waits between them
_CONNECT = 5.0  # seconds to reach the server
_TIMEOUT = {"timeout": httpx.Timeout(None, connect=_CONNECT).as_dict()}
_LOG_WINDOW = timedelta(days=6)  # before the end of a job; the API allows a window of 7 days
_LATE_LOGS = timedelta(minutes=1)  # after the end of a job, in which more lines can arrive


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


@dataclass(frozen=True, slots=True)
class _Answered(Generic[Answer]):
    body: Answer
    response: httpx.Response
    took: float


class Baseten:
    """Call the management API.

    Every method raises ``Unreachable``, ``Refused`` or ``Unreadable`` of ``bot.baseten.errors``.
    Failed requests are repeated for up to 45 seconds.

    Args:
        transport: sends one request; the caller opens and closes it. An ``httpx.AsyncClient``
            would merge addresses, headers and cookies for each request, which takes longer than
            the rest of the call.
        base_url: the API's address.
        api_key: a workspace API key.
        timeout: the limit of one attempt in seconds, from the connection to the last byte.
        redactor: removes the key from error messages, in case the API repeats it.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        base_url: str,
        api_key: str,
        timeout: float,
        redactor: Redactor,
    ) -> None:
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._headers = httpx.Headers(
            {
                "Authorization": f"Api-Key {api_key}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "User-Agent": "training-project-bot",
            }
        )
        self._timeout = timeout
        self._redactor = redactor

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
        """Yield the names of all projects in slices. ``GET /v1/training_projects``"""
        return self._list_projects(ProjectName.read)

    def list_projects_named(self, name: str) -> AsyncIterator[TrainingProject | None]:
        """Yield the projects of exactly this name, and None for each other one."""
        return self._list_projects(only_named(name))

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

    async def get_training_job(self, project_id: str, job_id: str) -> TrainingJob:
        """Return one job.

        ``GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}``
        """
        path = _job(project_id, job_id)
        return (await self._call(OneTrainingJob, "GET", path)).body.training_job

    async def search_training_jobs(self) -> list[TrainingJob]:
        """Return the jobs of all projects with a status of ``UNDER_WAY``.

        ``POST /v1/training_jobs/search``

        The call is idempotent, because it only reads. A job that is not in the result has not
        always ended: see ``UNDER_WAY``.
        """
        sent = {"statuses": list(UNDER_WAY)}
        answer = await self._call(TrainingJobs, "POST", "/v1/training_jobs/search", sent)
        return answer.body.training_jobs

    async def get_training_job_logs(
        self, project_id: str, job_id: str, limit: int, ended_at: datetime | None = None
    ) -> list[LogLine]:
        """Return the last lines of a job's log, the oldest first.

        ``GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}/logs``

        Args:
            project_id: the project of the job.
            job_id: the job.
            limit: the maximum number of lines, from 1 to 1,000.
            ended_at: the end of the job. The result covers the 6 days before it and the minute
                after it. With None it covers the last 30 minutes, the API's default.
        """
        asked: dict[str, str | int] = {"direction": "desc", "limit": limit}
        if ended_at is not None:
            asked["start_epoch_millis"] = _millis(ended_at - _LOG_WINDOW)
            asked["end_epoch_millis"] = _millis(ended_at + _LATE_LOGS)
        path = f"{_job(project_id, job_id)}/logs?{urlencode(asked)}"
        return (await self._call(Logs, "GET", path)).body.logs[::-1]

    async def get_capacity(self) -> list[GpuCapacity]:
        """Return the organization's GPUs by type. ``GET /v1/training/capacity``"""
        return (await self._call(Capacities, "GET", "/v1/training/capacity")).body.gpu_capacities

    async def _list_projects(self, read: Callable[[object], Item]) -> AsyncIterator[Item]:
        response, _ = await self._ask("GET", "/v1/training_projects")
        async for item in read_list(response.content, "training_projects", read):
            yield item

    async def _call(
        self, model: type[Answer], method: str, path: str, sent: dict[str, Any] | None = None
    ) -> _Answered[Answer]:
        response, took = await self._ask(method, path, sent)
        answer = decipher(response.status_code, response.headers, response.content, model)
        return _Answered(answer, response, took)

    async def _ask(
        self, method: str, path: str, sent: dict[str, Any] | None = None
    ) -> tuple[httpx.Response, float]:
        """Return the first successful response, and the seconds since the first attempt.

        This method repeats failed requests, which is safe because every request of this client is
        idempotent: GETs and the search only read, and the upsert gives one project.
        """
        started = time.monotonic()
        retries = RetryPolicy(lambda: TOTAL_TIMEOUT - (time.monotonic() - started))

        async def attempt() -> httpx.Response:
            response = await self._attempt(method, path, sent)
            body = response.content
            if response.is_error:
                body = self._redactor.text(body.decode(errors="replace")).encode()
            check_status(response.status_code, response.headers, body)
            return response

        try:
            async with asyncio.timeout(TOTAL_TIMEOUT):
                response = await retry(attempt, retries.should_retry, attempts=ATTEMPTS)
                return response, time.monotonic() - started
        except TimeoutError:
            if isinstance(retries.last_error, Refused):
                raise retries.last_error from None
            raise Unreachable(f"no answer within {TOTAL_TIMEOUT:g} s", sent=True) from None
        except Unreachable as error:
            raise Unreachable(str(error), sent=retries.sent) from error
        except RateLimited as error:
            if retries.sent:  # Baseten might have executed an earlier attempt
                raise Unreachable(str(error), sent=True) from error
            raise

    async def _attempt(self, method: str, path: str, sent: dict[str, Any] | None) -> httpx.Response:
        """Send the request once. Without an answer, raise ``Unreachable``."""
        try:
            async with asyncio.timeout(self._timeout):
                request = httpx.Request(
                    method,
                    f"{self._base_url}{path}",
                    headers=self._headers,
                    json=sent,
                    extensions=_TIMEOUT,
                )
                response = await self._transport.handle_async_request(request)
                await response.aread()
                return response
        except TimeoutError:
            raise Unreachable(f"no answer within {self._timeout:g} s", sent=True) from None
        except httpx.DecodingError as error:
            raise Unreadable(f"broken encoding: {error}") from error
        except httpx.HTTPError as error:
            unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            name = type(error.__cause__ or error).__name__
            raise Unreachable(f"{name}: {error}", sent=not unsent) from error


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
