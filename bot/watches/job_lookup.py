"""The lookup of all watched projects in Baseten, with as few requests as possible."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog

from bot.baseten.client import Baseten
from bot.baseten.errors import BasetenError, Refused, Unreadable
from bot.baseten.lists import KnownItems
from bot.baseten.models import TrainingJob, TrainingProject
from bot.watches.changes import Observation
from bot.watches.endpoint_health import EndpointHealth, will_fail_again
from bot.watches.fetches import fetch_each
from bot.watches.model import Watch
from bot.watches.slices import in_slices

log = structlog.stdlib.get_logger(__name__)

LISTED_FROM = 10  # with more projects than this, the list comes first
_SEARCH, _LIST = "search", "list"
NOT_FOUND = 404
_LIST_AFTER = timedelta(minutes=5)

# Returns the state of a watch's project; None: the project needs a request of its own.
_Observe: TypeAlias = Callable[[Watch], Observation | None]


class JobLookup:
    """Look up watched projects: first all in one request, then the rest one by one.

    The search returns only jobs that have not ended. It misses a newer job that begins and ends
    between two polls while the watched job still runs. To find such a job, each poll would need
    a request for each project. The answer about one job also holds its project, so an end takes
    one request.
    """

    def __init__(self, baseten: Baseten) -> None:
        self._baseten = baseten
        self._once = baseten.without_repeats()
        self._known: KnownItems[TrainingJob | None] = KnownItems()
        self._endpoints = {_SEARCH: self._search, _LIST: self._list}

    async def look_up(
        self,
        watches: Sequence[Watch],
        health: EndpointHealth,
        now: datetime,
        listed: Mapping[str, TrainingProject] | None = None,
    ) -> AsyncGenerator[Mapping[str, Observation]]:
        """Make one request for all watches, and further ones for the watches that it left open.

        Args:
            watches: all of them.
            health: the health after the last poll; the lookup updates it.
            now: the time.
            listed: the watched projects by id, if this poll has listed all projects for the
                follows; the list is then not requested again.

        Yields:
            States, by the id of the watch, as soon as they are known. A watch whose requests fail
            is left out.

        Raises:
            BasetenError: both requests for all watches failed.
        """
        if listed is not None:
            endpoint = _LIST
            observed, left = await self._search_beside(listed, watches, health, now)
        else:
            endpoint, observe = await self._ask_for_all(watches, health, now)
            observed, left = await _sorted(watches, observe)
        yield observed
        many = len({watch.project.id for watch in left}) > LISTED_FROM  # e.g. many ends at once
        if endpoint == _SEARCH and many and not health.refused_lately(_LIST, now):
            try:
                observed, left = await _sorted(left, await self._list(left))
            except BasetenError as error:
                log.info("cannot list the projects", error=str(error))
                health.note(_LIST, error, now)
            else:
                yield observed
        async with aclosing(self._fetch(left)) as fetched:
            async for observed in fetched:
                yield observed

    async def _ask_for_all(
        self, watches: Sequence[Watch], health: EndpointHealth, now: datetime
    ) -> tuple[str, _Observe]:
        """Make one request for all watches; if it is refused, make the other one.

        The search returns the jobs that have not ended. Only the list shows a first job that began
        and ended between two polls, or a deleted project. While a watched project has no job,
        the list therefore replaces the search every few minutes.
        """
        endpoints = [_SEARCH, _LIST]
        listed_lately = health.listed_at is not None and now - health.listed_at < _LIST_AFTER
        if any(each.job is None and (each.missing or not listed_lately) for each in watches):
            endpoints.reverse()
        endpoints.sort(key=lambda endpoint: health.refused_lately(endpoint, now))
        refusals: dict[str, BasetenError] = {}
        for endpoint in endpoints:
            try:
                observe = await self._endpoints[endpoint](watches)
            except (Refused, Unreadable) as refused:
                if not will_fail_again(refused):
                    raise
                refusals[endpoint] = refused
                continue
            if refusals:
                said = {each: str(error) for each, error in refusals.items()}
                log.info("used the other request for the watched jobs", refused=said)
            health.refused |= dict.fromkeys(refusals, now)
            if endpoint == _LIST:
                health.listed_at = now
            return endpoint, observe
        raise refusals[endpoints[0]]

    async def _search_beside(
        self,
        listed: Mapping[str, TrainingProject],
        watches: Sequence[Watch],
        health: EndpointHealth,
        now: datetime,
    ) -> tuple[dict[str, Observation], list[Watch]]:
        """Search the jobs of the watches, and complete the result from a list of the projects."""
        observe_listed = _observer(listed)
        observed, left = await _sorted(
            watches, lambda watch: observe_listed(watch) if watch.job is None else None
        )
        if left and not health.refused_lately(_SEARCH, now):
            try:
                searched, left = await _sorted(left, await self._search(left))
                observed |= searched
            except BasetenError as error:
                log.info("cannot search the jobs beside the list", error=str(error))
                health.note(_SEARCH, error, now)
        latest, left = await _sorted(left, observe_listed)
        return observed | latest, left

    async def _search(self, watches: Sequence[Watch]) -> _Observe:
        by_project: defaultdict[str | None, list[TrainingJob]] = defaultdict(list)
        async for job in self._baseten.read_training_jobs(await _reader(watches), self._known):
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

    async def _fetch(self, watches: Iterable[Watch]) -> AsyncGenerator[dict[str, Observation]]:
        """Request jobs one by one, each once.

        Yields:
            The states of one job's watches, by the id of the watch. A job whose request fails is
            left out.
        """
        by_job: defaultdict[tuple[str, str], list[Watch]] = defaultdict(list)
        for watch in watches:
            by_job[watch.project.id, watch.job.id if watch.job else ""].append(watch)
        async with aclosing(fetch_each(sorted(by_job), self._fetch_one)) as fetched:
            async for job, observed in fetched:
                if observed is not None:
                    yield {watch.id: observed for watch in by_job[job]}

    async def _fetch_one(self, job: tuple[str, str]) -> Observation | None:
        """Return the state of a job, or of a project without a watched job; None if unknown."""
        project_id, job_id = job
        try:
            if job_id:
                try:
                    found = await self._once.get_job_in_project(project_id, job_id)
                except Refused as refused:
                    if refused.status != NOT_FOUND:
                        raise
                else:
                    project = found.training_project
                    latest = project.latest_job if project else None
                    return Observation(project, latest, found.training_job)
            project = await self._once.get_training_project(project_id)
        except BasetenError as error:
            if isinstance(error, Refused) and error.status == NOT_FOUND:
                return Observation(project_missing=True)
            log.info("cannot get a watched job", project=project_id, error=str(error))
            return None
        return Observation(project, project.latest_job, job_missing=bool(job_id))


async def _reader(watches: Sequence[Watch]) -> Callable[[object], TrainingJob | None]:
    """Return a function that reads the JSON of a job; None if its project is not watched.

    A job that has not changed is the same object as the job of its watch: comparing objects with
    themselves costs nothing.
    """
    watched: dict[str, TrainingJob] = {}
    projects: set[str] = set()
    async for some in in_slices(watches):
        projects.update(watch.project.id for watch in some)
        watched |= {job.id: job for watch in some if (job := watch.job) is not None}

    def read(said: object) -> TrainingJob | None:
        match said:
            case {"id": str(job_id), "training_project_id": str(project_id)}:
                if project_id not in projects:
                    return None
                job, kept = TrainingJob.model_validate(said), watched.get(job_id)
                return kept if kept == job else job
        return TrainingJob.model_validate(said)

    return read


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
