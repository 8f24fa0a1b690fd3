"""The lookup of all watched projects in Baseten, with as few requests as possible."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog
from pydantic import BaseModel, ConfigDict

from bot.baseten.client import Baseten
from bot.baseten.errors import BasetenError, Refused, Unreadable
from bot.baseten.models import Moment, TrainingJob, TrainingProject
from bot.watches.changes import Found
from bot.watches.model import Watch

log = structlog.stdlib.get_logger(__name__)

MOST_FETCHED = 25  # projects with a request of their own in one poll
LISTED_FROM = 10  # with more projects than this, the list comes first
_AT_ONCE = 5
_SEARCH, _LIST = "search", "list"
_NOT_FOUND = 404
# The key lacks the permission, or the server does not support the request.
_REFUSED = frozenset({400, 403, _NOT_FOUND, 405, 422, 501})
_REFUSAL_HOLDS = timedelta(hours=1)
_LIST_AFTER = timedelta(minutes=5)

# Returns the state of a watch's project; None: the project needs a request of its own.
_Tells: TypeAlias = Callable[[Watch], Found | None]


class Habits(BaseModel):
    """The requests that work; saved from one poll to the next.

    Attributes:
        refused: the time of the last refusal of each of the two requests.
        listed_at: the time of the last list of all projects.
    """

    model_config = ConfigDict(frozen=True)

    refused: Mapping[str, Moment] = {}
    listed_at: Moment | None = None


@dataclass(frozen=True, slots=True)
class Surveyed:
    """The result of the one request for all projects.

    Attributes:
        found: the states, by the id of the watch.
        open: the watches without a result; their projects need requests of their own.
        way: the kind of the request.
        habits: for the next poll.
    """

    found: Mapping[str, Found]
    open: Sequence[Watch]
    way: str
    habits: Habits


class Survey:
    """Look up watched projects: first all in one request, then the rest one by one.

    The search returns only jobs that have not ended. It misses a newer job that begins and ends
    between two polls while the watched job still runs. To find such a job, each poll would need
    a request for each project.
    """

    def __init__(self, baseten: Baseten) -> None:
        self._baseten = baseten
        self._ways = {_SEARCH: self._search, _LIST: self._list}

    async def ask(self, watches: Sequence[Watch], habits: Habits, now: datetime) -> Surveyed:
        """Make one request for all watches; if it is refused, make the other one.

        The search returns the jobs that have not ended. Only the list shows a first job that began
        and ended between two polls, or a deleted project. While a watched project has no job,
        the list therefore replaces the search every few minutes.

        Args:
            watches: all of them.
            habits: the habits that the last poll returned.
            now: the time.

        Raises:
            BasetenError: both requests failed.
        """
        ways = [_SEARCH, _LIST]
        listed_lately = habits.listed_at is not None and now - habits.listed_at < _LIST_AFTER
        if any(each.job is None and (each.missing or not listed_lately) for each in watches):
            ways.reverse()
        ways.sort(key=lambda way: _refused_lately(habits, way, now))
        refusals: dict[str, BasetenError] = {}
        for way in ways:
            try:
                tells = await self._ways[way](watches)
            except (Refused, Unreadable) as refused:
                if not _holds(refused):
                    raise
                refusals[way] = refused
            else:
                if refusals:
                    log.info(
                        "used the other request for the watched jobs",
                        refused={o: str(e) for o, e in refusals.items()},
                    )
                habits = Habits(
                    refused={**habits.refused, **dict.fromkeys(refusals, now)},
                    listed_at=now if way == _LIST else habits.listed_at,
                )
                return Surveyed(*_sorted(watches, tells), way, habits)
        raise refusals[ways[0]]

    async def settle(self, asked: Surveyed, now: datetime) -> Surveyed:
        """Request the list if a search left many watches open, e.g. after many ends at once.

        Returns:
            Only the new results, and the watches that are still open.
        """
        if (
            asked.way == _LIST
            or len({watch.project.id for watch in asked.open}) <= LISTED_FROM
            or _refused_lately(asked.habits, _LIST, now)
        ):
            return replace(asked, found={})
        try:
            tells = await self._list(asked.open)
        except BasetenError as error:
            log.info("cannot list the projects", error=str(error))
            refused = {**asked.habits.refused, **({_LIST: now} if _holds(error) else {})}
            habits = asked.habits.model_copy(update={"refused": refused})
            return replace(asked, found={}, habits=habits)
        return Surveyed(*_sorted(asked.open, tells), _LIST, asked.habits)

    async def _search(self, _: Sequence[Watch]) -> _Tells:
        by_project: defaultdict[str | None, list[TrainingJob]] = defaultdict(list)
        for job in await self._baseten.search_training_jobs():
            by_project[job.training_project_id].append(job)

        def tells(watch: Watch) -> Found | None:
            jobs = by_project.get(watch.project.id, [])
            latest = max(jobs, key=lambda job: job.created_at, default=None)
            if watch.job is None:
                return Found(latest=latest)
            for job in jobs:
                if job.id == watch.job.id:
                    return Found(latest=latest, watched=job)
            return None

        return tells

    async def _list(self, watches: Sequence[Watch]) -> _Tells:
        listed = await self._baseten.list_training_projects({each.project.id for each in watches})
        projects = {project.id: project for project in listed}

        def tells(watch: Watch) -> Found | None:
            project = projects.get(watch.project.id)
            if project is None:
                return None
            latest = project.latest_job
            if watch.job is None:
                return Found(project, latest)
            same = latest is not None and latest.id == watch.job.id
            return Found(project, latest, latest) if same else None

        return tells

    async def fetch(self, watches: Iterable[Watch]) -> AsyncGenerator[dict[str, Found]]:
        """Request projects one by one, each once, up to a limit for each poll.

        Yields:
            The states of one project's watches, by the id of the watch. A project whose request
            fails is left out.
        """
        by_project: defaultdict[str, list[Watch]] = defaultdict(list)
        for watch in watches:
            by_project[watch.project.id].append(watch)
        # A random choice: projects whose requests always fail do not block the others.
        chosen = random.sample(sorted(by_project), min(MOST_FETCHED, len(by_project)))
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(project_id: str) -> dict[str, Found]:
            async with room:
                return await self._fetch_one(project_id, by_project[project_id])

        tasks = [asyncio.create_task(one(project_id)) for project_id in chosen]
        try:
            for task in asyncio.as_completed(tasks):
                yield await task
        finally:
            for left in tasks:
                left.cancel()

    async def _fetch_one(self, project_id: str, watches: Sequence[Watch]) -> dict[str, Found]:
        job_ids = {watch.job.id for watch in watches if watch.job is not None}
        try:
            project = await self._baseten.get_training_project(project_id)
            jobs = {job_id: await self._job(project, job_id) for job_id in job_ids}
        except BasetenError as error:
            if isinstance(error, Refused) and error.status == _NOT_FOUND:
                return {watch.id: Found(gone=True) for watch in watches}
            log.info("cannot get a watched project", project=project_id, error=str(error))
            return {}
        found: dict[str, Found] = {}
        for watch in watches:
            job = jobs[watch.job.id] if watch.job else None
            lost = watch.job is not None and job is None
            found[watch.id] = Found(project, project.latest_job, job, lost=lost)
        return found

    async def _job(self, project: TrainingProject, job_id: str) -> TrainingJob | None:
        """Return a job of a project; None if it does not exist."""
        if project.latest_job is not None and project.latest_job.id == job_id:
            return project.latest_job
        try:
            return await self._baseten.get_training_job(project.id, job_id)
        except Refused as refused:
            if refused.status != _NOT_FOUND:
                raise
            return None


def _sorted(watches: Iterable[Watch], tells: _Tells) -> tuple[dict[str, Found], list[Watch]]:
    """Return the known states, and the watches that are still open."""
    found: dict[str, Found] = {}
    left: list[Watch] = []
    for watch in watches:
        if (told := tells(watch)) is None:
            left.append(watch)
        else:
            found[watch.id] = told
    return found, left


def _holds(error: BasetenError) -> bool:
    """Return whether a request would fail again, so that it is better left out for a while."""
    return isinstance(error, Unreadable) or (
        isinstance(error, Refused) and error.status in _REFUSED
    )


def _refused_lately(habits: Habits, way: str, now: datetime) -> bool:
    refused_at = habits.refused.get(way)
    return refused_at is not None and now - refused_at < _REFUSAL_HOLDS
