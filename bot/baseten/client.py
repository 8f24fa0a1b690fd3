"""One method for each endpoint the bot calls."""

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
    only_projects,
)
from bot.baseten.repeats import Trouble
from bot.retry import retry
from bot.telemetry.redaction import Redactor

log = structlog.stdlib.get_logger(__name__)

ATTEMPTS = 4
PATIENCE = 45.0  # seconds for all attempts and the waits between them
_CONNECT = 5.0  # seconds to reach the server
_TIMEOUT = {"timeout": httpx.Timeout(None, connect=_CONNECT).as_dict()}
_LOOK_BACK = timedelta(days=6)  # for a job's last lines; the API allows a window of 7 days
_LAST_WORDS = timedelta(minutes=1)  # in which lines may follow the end of a job


@dataclass(frozen=True, slots=True)
class Upserted:
    """A project as the upsert returned it.

    Attributes:
        project: the project, new or as it was.
        took: seconds from the first attempt's start to the answer.
        answered_at: the server's own time of the answer (``Date``), to the second, when given.
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
    """Speak to the management API through a client that the caller opens and closes.

    Every method raises ``Unreachable``, ``Refused`` or ``Unreadable`` of ``bot.baseten.errors``.

    Args:
        transport: sends a request. A client around it would merge addresses, headers and cookies
            for each one, which takes longer than the rest of the call.
        base_url: the API's address.
        api_key: a workspace API key.
        timeout: seconds that one attempt may take, from connecting to the last byte.
        redactor: takes the key out of a refusal's words, should the API repeat it.
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
        """List the teams that the key may see. ``GET /v1/teams``"""
        return (await self._call(Teams, "GET", "/v1/teams")).body.teams

    async def upsert_training_project(self, team_id: str, name: str) -> Upserted:
        """Create the project, or return it as it is. ``POST /v1/teams/{team_id}/training_projects``

        Safe to repeat: one team and name always give one project.
        """
        answer = await self._call(
            OneTrainingProject,
            "POST",
            f"/v1/teams/{quote(team_id, safe='')}/training_projects",
            {"training_project": {"name": name}},
        )
        return Upserted(answer.body.training_project, answer.took, _date(answer.response))

    async def list_training_projects(self, wanted: Container[str]) -> list[TrainingProject]:
        """List the projects with these ids that the key may see. ``GET /v1/training_projects``

        The API lists all of them; the others cost no more than their JSON.
        """
        projects = self._list_projects(only_projects(wanted))
        return [project async for project in projects if project is not None]

    def list_project_names(self) -> AsyncIterator[ProjectName]:
        """Yield the names of all projects; thousands of them do not stall the event loop."""
        return self._list_projects(ProjectName.read)

    async def get_training_project(self, project_id: str) -> TrainingProject:
        """Get one project. ``GET /v1/training_projects/{training_project_id}``"""
        path = _project(project_id)
        return (await self._call(OneTrainingProject, "GET", path)).body.training_project

    async def list_training_jobs(self, project_id: str) -> ProjectJobs:
        """List all jobs of a project. ``GET /v1/training_projects/{training_project_id}/jobs``"""
        path = f"{_project(project_id)}/jobs"
        return (await self._call(ProjectJobs, "GET", path)).body

    async def get_training_job(self, project_id: str, job_id: str) -> TrainingJob:
        """Get one job.

        ``GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}``
        """
        path = _job(project_id, job_id)
        return (await self._call(OneTrainingJob, "GET", path)).body.training_job

    async def search_training_jobs(self) -> list[TrainingJob]:
        """Find the jobs of all projects that have not ended. ``POST /v1/training_jobs/search``

        Safe to repeat: it only reads. One that is not found need not have ended (``UNDER_WAY``).
        """
        sent = {"statuses": list(UNDER_WAY)}
        answer = await self._call(TrainingJobs, "POST", "/v1/training_jobs/search", sent)
        return answer.body.training_jobs

    async def get_training_job_logs(
        self, project_id: str, job_id: str, limit: int, ended_at: datetime | None = None
    ) -> list[LogLine]:
        """Get the last lines that a job logged, the oldest first.

        ``GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}/logs``

        Args:
            project_id: whose job.
            job_id: which.
            limit: how many lines at most, from 1 to 1,000.
            ended_at: when the job ended; its last 6 days are looked at, and the minute after.
                None looks at the last 30 minutes, as the API does by itself.
        """
        asked: dict[str, str | int] = {"direction": "desc", "limit": limit}
        if ended_at is not None:
            asked["start_epoch_millis"] = _millis(ended_at - _LOOK_BACK)
            asked["end_epoch_millis"] = _millis(ended_at + _LAST_WORDS)
        path = f"{_job(project_id, job_id)}/logs?{urlencode(asked)}"
        return (await self._call(Logs, "GET", path)).body.logs[::-1]

    async def get_capacity(self) -> list[GpuCapacity]:
        """Get the organisation's GPUs by type. ``GET /v1/training/capacity``"""
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
        """Return the first response with a good status, and how many seconds it took.

        Only for requests that are safe to repeat: GETs, the search, which only reads, and the
        upsert, which is idempotent.
        """
        started = time.monotonic()
        trouble = Trouble(lambda: PATIENCE - (time.monotonic() - started))

        async def attempt() -> httpx.Response:
            response = await self._attempt(method, path, sent)
            body = response.content
            if response.is_error:
                body = self._redactor.text(body.decode(errors="replace")).encode()
            check_status(response.status_code, response.headers, body)
            return response

        try:
            async with asyncio.timeout(PATIENCE):
                response = await retry(attempt, trouble.worth_another_try, attempts=ATTEMPTS)
                return response, time.monotonic() - started
        except TimeoutError:
            if isinstance(trouble.last, Refused):
                raise trouble.last from None
            raise Unreachable(f"no answer within {PATIENCE:g} s", sent=True) from None
        except Unreachable as error:
            raise Unreachable(str(error), sent=trouble.sent) from error
        except RateLimited as error:
            if trouble.sent:  # an attempt before this one may have been carried out
                raise Unreachable(str(error), sent=True) from error
            raise

    async def _attempt(self, method: str, path: str, sent: dict[str, Any] | None) -> httpx.Response:
        """Ask once; every way of getting no answer becomes ``Unreachable``."""
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
