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
from bot.baseten.lists import KnownItems
from bot.baseten.models import Moment, TrainingJob, TrainingProject
from bot.watches.changes import Observation
from bot.watches.model import Watch
from bot.watches.parsed_jobs import job_reader
from bot.watches.slices import in_slices

log = structlog.stdlib.get_logger(__name__)

MOST_FETCHED = 25  # jobs with a request of their own in one poll
LISTED_FROM = 10  # with more projects than this, the list comes first
_AT_ONCE = 5
_SEARCH, _LIST = "search", "list"
NOT_FOUND = 404
# The key lacks the permission, or the server does not support the request.
_REFUSED = frozenset({400, 403, NOT_FOUND, 405, 422, 501})
_REFUSAL_HOLDS = timedelta(hours=1)
_LIST_AFTER = timedelta(minutes=5)

# Returns the state of a watch's project; None: the project needs a request of its own.
_Observe: TypeAlias = Callable[[Watch], Observation | None]


class EndpointHealth(BaseModel):
    """The health of the two endpoints for all projects; saved from one poll to the next.

    Attributes:
        refused: the time of the last refusal by each of the two.
        listed_at: the time of the last list of all projects.
    """

    model_config = ConfigDict(frozen=True)

    refused: Mapping[str, Moment] = {}
    listed_at: Moment | None = None


@dataclass(frozen=True, slots=True)
class LookupResult:
    """The result of the one request for all projects.

    Attributes:
        observed: the states, by the id of the watch.
        open: the watches without a result; their projects need requests of their own.
        endpoint: the one that answered, ``search`` or ``list``.
        health: for the next poll.
    """

    observed: Mapping[str, Observation]
    open: Sequence[Watch]
    endpoint: str
    health: EndpointHealth


class JobLookup:
    """Look up watched projects: first all in one request, then the rest one by one.

    The search returns only jobs that have not ended. It misses a newer job that begins and ends
    between two polls while the watched job still runs. To find such a job, each poll would need
    a request for each project. The answer about one job also holds its project, so an end takes
    one request.
    """

    def __init__(self, baseten: Baseten) -> None:
        self._baseten = baseten
        self._known: KnownItems[TrainingJob | None] = KnownItems()
        self._endpoints = {_SEARCH: self._search, _LIST: self._list}

    async def fetch_all(
        self,
        watches: Sequence[Watch],
        health: EndpointHealth,
        now: datetime,
        listed: Mapping[str, TrainingProject] | None = None,
    ) -> LookupResult:
        """Make one request for all watches; if it is refused, make the other one.

        The search returns the jobs that have not ended. Only the list shows a first job that began
        and ended between two polls, or a deleted project. While a watched project has no job,
        the list therefore replaces the search every few minutes.

        Args:
            watches: all of them.
            health: the health that the last poll returned.
            now: the time.
            listed: the watched projects by id, if this poll has listed all projects for the
                follows; the list is then not requested again.

        Raises:
            BasetenError: both requests failed.
        """
        if listed is not None:
            return await self._search_beside(listed, watches, health, now)
        endpoints = [_SEARCH, _LIST]
        listed_lately = health.listed_at is not None and now - health.listed_at < _LIST_AFTER
        if any(each.job is None and (each.missing or not listed_lately) for each in watches):
            endpoints.reverse()
        endpoints.sort(key=lambda endpoint: _refused_lately(health, endpoint, now))
        refusals: dict[str, BasetenError] = {}
        for endpoint in endpoints:
            try:
                observe = await self._endpoints[endpoint](watches)
            except (Refused, Unreadable) as refused:
                if not will_fail_again(refused):
                    raise
                refusals[endpoint] = refused
            else:
                if refusals:
                    log.info(
                        "used the other request for the watched jobs",
                        refused={o: str(e) for o, e in refusals.items()},
                    )
                health = EndpointHealth(
                    refused={**health.refused, **dict.fromkeys(refusals, now)},
                    listed_at=now if endpoint == _LIST else health.listed_at,
                )
                return LookupResult(*await _sorted(watches, observe), endpoint, health)
        raise refusals[endpoints[0]]

    async def _search_beside(
        self,
        listed: Mapping[str, TrainingProject],
        watches: Sequence[Watch],
        health: EndpointHealth,
        now: datetime,
    ) -> LookupResult:
        """Search the jobs of the watches, and complete the result from a list of the projects."""
        observe_listed = _observer(listed)
        observed, left = await _sorted(
            watches, lambda watch: observe_listed(watch) if watch.job is None else None
        )
        if left and not _refused_lately(health, _SEARCH, now):
            try:
                searched, left = await _sorted(left, await self._search(left))
                observed |= searched
            except BasetenError as error:
                log.info("cannot search the jobs beside the list", error=str(error))
                if will_fail_again(error):
                    refused = {**health.refused, _SEARCH: now}
                    health = health.model_copy(update={"refused": refused})
        latest, left = await _sorted(left, observe_listed)
        return LookupResult(observed | latest, left, _LIST, health)

    async def fetch_missing(self, result: LookupResult, now: datetime) -> LookupResult:
        """Request the list if a search left many watches open, e.g. after many ends at once.

        Returns:
            Only the new results, and the watches that are still open.
        """
        if (
            result.endpoint == _LIST
            or len({watch.project.id for watch in result.open}) <= LISTED_FROM
            or _refused_lately(result.health, _LIST, now)
        ):
            return replace(result, observed={})
        try:
            observe = await self._list(result.open)
        except BasetenError as error:
            log.info("cannot list the projects", error=str(error))
            refused = {**result.health.refused, **({_LIST: now} if will_fail_again(error) else {})}
            health = result.health.model_copy(update={"refused": refused})
            return replace(result, observed={}, health=health)
        return LookupResult(*await _sorted(result.open, observe), _LIST, result.health)

    async def _search(self, watches: Sequence[Watch]) -> _Observe:
        by_project: defaultdict[str | None, list[TrainingJob]] = defaultdict(list)
        read = await job_reader(watches)
        async for job in self._baseten.read_training_jobs(read, self._known):
            if job is not None:
                by_project[job.training_project_id].append(job)

        def observe(watch: Watch) -> Observation | None:
            jobs = by_project.get(watch.project.id, [])
            latest = jobs[0] if len(jobs) == 1 else _newest(jobs)
            if watch.job is None:
                return Observation(latest=latest)
            for job in jobs:
                if job.id == watch.job.id:
                    return Observation(latest=latest, watched=job)
            return None

        return observe

    async def _list(self, watches: Sequence[Watch]) -> _Observe:
        listed = await self._baseten.list_training_projects({each.project.id for each in watches})
        return _observer({project.id: project for project in listed})

    async def fetch(self, watches: Iterable[Watch]) -> AsyncGenerator[dict[str, Observation]]:
        """Request jobs one by one, each once, up to a limit for each poll.

        Yields:
            The states of one job's watches, by the id of the watch. A job whose request fails is
            left out.
        """
        by_job: defaultdict[tuple[str, str], list[Watch]] = defaultdict(list)
        for watch in watches:
            by_job[watch.project.id, watch.job.id if watch.job else ""].append(watch)
        # A random choice: jobs whose requests always fail do not block the others.
        chosen = random.sample(sorted(by_job), min(MOST_FETCHED, len(by_job)))
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(project_id: str, job_id: str) -> dict[str, Observation]:
            async with room:
                observed = await self._fetch_one(project_id, job_id)
            if observed is None:
                return {}
            return {watch.id: observed for watch in by_job[project_id, job_id]}

        tasks = [asyncio.create_task(one(*each)) for each in chosen]
        try:
            for task in asyncio.as_completed(tasks):
                yield await task
        finally:
            for left in tasks:
                left.cancel()

    async def _fetch_one(self, project_id: str, job_id: str) -> Observation | None:
        """Return the state of a job, or of a project without a watched job; None if unknown."""
        try:
            if job_id:
                try:
                    found = await self._baseten.get_job_in_project(project_id, job_id)
                except Refused as refused:
                    if refused.status != NOT_FOUND:
                        raise
                else:
                    project, job = found.training_project, found.training_job
                    return Observation(project, project.latest_job if project else None, job)
            project = await self._baseten.get_training_project(project_id)
        except BasetenError as error:
            if isinstance(error, Refused) and error.status == NOT_FOUND:
                return Observation(project_missing=True)
            log.info("cannot get a watched job", project=project_id, error=str(error))
            return None
        return Observation(project, project.latest_job, job_missing=bool(job_id))


def _observer(projects: Mapping[str, TrainingProject]) -> _Observe:
    """Return a function that finds a watch's state in the list of the projects."""

    def observe(watch: Watch) -> Observation | None:
        project = projects.get(watch.project.id)
        if project is None:
            return None
        latest = project.latest_job
        if watch.job is None:
            return Observation(project, latest)
        same = latest is not None and latest.id == watch.job.id
        return Observation(project, latest, latest) if same else None

    return observe


def _newest(jobs: Iterable[TrainingJob]) -> TrainingJob | None:
    return max(jobs, key=lambda job: job.created_at, default=None)


async def _sorted(
    watches: Sequence[Watch], observe: _Observe
) -> tuple[dict[str, Observation], list[Watch]]:
    """Return the known states, and the watches that are still open."""
    observed: dict[str, Observation] = {}
    left: list[Watch] = []
    async for some in in_slices(watches):
        for watch in some:
            if (observation := observe(watch)) is None:
                left.append(watch)
            else:
                observed[watch.id] = observation
    return observed, left


def will_fail_again(error: BasetenError) -> bool:
    """Return whether a request would fail again, so that it is better left out for a while."""
    return isinstance(error, Unreadable) or (
        isinstance(error, Refused) and error.status in _REFUSED
    )


def _refused_lately(health: EndpointHealth, endpoint: str, now: datetime) -> bool:
    refused_at = health.refused.get(endpoint)
    return refused_at is not None and now - refused_at < _REFUSAL_HOLDS
