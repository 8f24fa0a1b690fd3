"""One look at the followed projects: the list of all projects, and the jobs of those that moved.

The latest job of a project changes with each new job, however short. Only then its jobs are
requested. The number of requests depends on the jobs, not on the number of follows.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.baseten.client import Baseten
from bot.baseten.errors import BasetenError
from bot.baseten.models import TrainingJob, TrainingProject
from bot.durable.model import Change, Enqueue
from bot.durable.parsed import ChangedError
from bot.durable.store import Store
from bot.follows.model import JOB_POST, Follow, JobPostTask, Kind, Scope, ScopeIndex, job_posts
from bot.follows.store import Follows
from bot.views.job import status
from bot.watches.changes import Changes, ended_news
from bot.watches.endpoint_health import will_fail_again
from bot.watches.fetches import fetch_each
from bot.watches.news import Ended, Gone, Lost
from bot.watches.tracked import Seen, SeenJob, TrackedJob, TrackedJobs, tracked

log = structlog.stdlib.get_logger(__name__)

_KEPT = timedelta(hours=1)  # after the end; a follow begins within half an hour, or never


@dataclass(frozen=True, slots=True)
class Listed:
    """The list of all projects, as far as watches and follows need it.

    Attributes:
        projects: the watched projects, and the followed ones with another latest job than before.
        changed: the followed projects with another latest job, in no order.
        covered: the ids of the followed projects.
        teams: the names of the teams of all projects.
        seen: the newest jobs that were handled before.
    """

    projects: Mapping[str, TrainingProject]
    changed: Sequence[TrainingProject]
    covered: frozenset[str]
    teams: frozenset[str]
    seen: Seen

    def shows(self, scope: Scope) -> bool:
        """Return whether the list has a project of this scope, if the scope is not a person's."""
        if scope.kind is Kind.PROJECT:
            return scope.project_id in self.covered
        return scope.kind is Kind.MINE or scope.team in self.teams


class FollowedJobs:
    """Find the new jobs of followed projects, and post their starts and ends.

    Args:
        baseten: the API client.
        store: holds the lease.
        follows: the store of follows.
    """

    def __init__(self, baseten: Baseten, store: Store, follows: Follows) -> None:
        self._baseten = baseten
        self._once = baseten.without_repeats()
        self._store = store
        self._follows = follows
        self._tracked = TrackedJobs(store)

    async def read(self, now: datetime) -> tuple[list[Follow], list[TrackedJob]]:
        """Return the follows, and the jobs that they wait for; other jobs are tracked no more."""
        jobs = await self._tracked.all()  # first: a follow begins together with its jobs
        follows = await self._follows.all()
        index = ScopeIndex(follows)
        kept = []
        for job in jobs:
            if job.ended and now - (job.drawn_at or job.started_at) < _KEPT:
                continue
            if not job.ended and index.covers(job.project.id, job.project.team_name or ""):
                kept.append(job)
            else:
                await self._save(job, None)
        return follows, kept

    async def list_projects(self, follows: Sequence[Follow], wanted: frozenset[str]) -> Listed:
        """List all projects, in one request.

        Args:
            follows: all follows.
            wanted: the ids of projects that are returned in any case.

        Raises:
            BasetenError: Baseten refuses the list, or does not answer.
        """
        index, seen = ScopeIndex(follows), await self._tracked.seen()
        changed: list[TrainingProject] = []
        projects: dict[str, TrainingProject] = {}
        covered, teams = set[str](), set[str]()

        def read(said: object) -> None:
            match said:
                case {"id": str(project_id), "name": str(), **rest}:
                    latest, known = rest.get("latest_job"), seen.projects.get(project_id)
                    moved, team = False, str(rest.get("team_name") or "")
                    teams.add(team)
                    if index.covers(project_id, team):
                        covered.add(project_id)
                        job_id = latest.get("id") if isinstance(latest, dict) else None
                        moved = job_id is not None and (known is None or known.id != job_id)
                    if moved or project_id in wanted:
                        project = projects[project_id] = TrainingProject.model_validate(said)
                        if moved:
                            changed.append(project)
                case _:
                    raise ValueError(said)

        async for _ in self._baseten.read_training_projects(read):
            pass
        return Listed(projects, changed, frozenset(covered), frozenset(teams), seen)

    async def handle_new(self, listed: Listed, follows: Sequence[Follow], now: datetime) -> bool:
        """Handle the new jobs; return whether there might be more."""
        try:
            return await self._handle_new(listed, follows, now)
        except ChangedError:
            log.info("another process has handled the new jobs")
            return True

    async def _handle_new(self, listed: Listed, follows: Sequence[Follow], now: datetime) -> bool:
        """Track the new jobs and post their starts; return whether there was one.

        A project whose jobs cannot be read now is read by the next poll.
        """
        before = listed.seen
        earlier = ScopeIndex(each for each in follows if each.id in before.follows)
        later = ScopeIndex(each for each in follows if each.id not in before.follows)
        handled = {each: job for each, job in before.projects.items() if each in listed.covered}
        moved: list[TrainingProject] = []
        for project in listed.changed:
            begin = handled[project.id] = _begin(before, project, earlier, later)
            if (latest := project.latest_job) is not None and _is_new(latest, begin):
                moved.append(project)
            elif latest is not None:
                handled[project.id] = _handled(latest, begin)
        missed = await self._missed(before, follows, now)
        written, seen = before, before.model_copy(update={"projects": handled})
        async with aclosing(fetch_each(moved, self._read_jobs)) as found:
            async for project, jobs in found:
                if not jobs:
                    continue
                begin = handled[project.id]
                newest = max(jobs, key=lambda job: (job.created_at, job.id))
                projects = {**seen.projects, project.id: _handled(newest, begin)}
                seen = seen.model_copy(update={"projects": projects})
                new = [job for job in jobs if _is_new(job, begin)]
                await self._see(written, seen, self._new_jobs(project, new, follows, now))
                written = seen
        moments = [each.created_at for each in seen.projects.values()]
        last = max([*moments, seen.newest] if seen.newest else moments, default=None)
        ids = {name for follow in follows for name in (follow.id, follow.version)}
        seen = seen.model_copy(update={"newest": last, "follows": tuple(sorted(ids))})
        if missed or seen != written:
            await self._see(written, seen, missed)
        return bool(moved)

    async def _missed(self, before: Seen, follows: Sequence[Follow], now: datetime) -> list[Change]:
        """Return the changes that post the jobs that a poll handled without a follow that began.

        Where another follow of the channel wants the same post, that poll has posted it.
        """
        known = [each for each in follows if each.version in before.follows]
        late = [each.level_since for each in follows if each.version not in before.follows]
        since, changes = min(late, default=now), list[Change]()
        for job in await self._tracked.all() if late else ():
            latest = job.job
            if latest is not None and not job.ended and latest.created_at > since:
                changes += self._new_jobs(job.project, [latest], follows, now, known)
            elif latest is not None and job.ended and latest.updated_at > since:
                ended = ended_news(job, latest)
                posted = {each.channel_id for each in job.end_posts(ended, known, now)}
                posts = job.end_posts(ended, follows, now)
                changes += [self._post(each) for each in posts if each.channel_id not in posted]
        return changes

    async def handle_tracked(
        self, job: TrackedJob, changes: Changes, follows: Sequence[Follow], now: datetime
    ) -> None:
        """Save the result of a comparison; after an end, post it for each follow that wants it."""
        after = changes.watch
        if not isinstance(after, TrackedJob):  # pragma: no cover - it is a copy of the job
            raise TypeError(after)
        match [news for news in changes.news if isinstance(news, Ended | Gone | Lost)]:
            case [Ended() as ended]:
                await self._save(job, after, after.end_posts(ended, follows, now))
            case [Gone() | Lost() as lost]:
                gone = isinstance(lost, Gone)
                await self._save(job, None, job.loss_posts(follows, now, gone=gone))
            case _:
                await self._save(job, after)

    async def _read_jobs(self, project: TrainingProject) -> list[TrainingJob]:
        """Return the jobs of a project; an empty list if Baseten does not return them now."""
        latest = [project.latest_job] if project.latest_job is not None else []
        try:
            found = (await self._once.list_training_jobs(project.id)).training_jobs
        except BasetenError as error:
            log.info("cannot list the jobs of a project", error=str(error))
            return latest if will_fail_again(error) else []
        ids = {job.id for job in found}
        return [*found, *(job for job in latest if job.id not in ids)]

    def _new_jobs(
        self,
        project: TrainingProject,
        new: Sequence[TrainingJob],
        follows: Sequence[Follow],
        now: datetime,
        known: Iterable[Follow] = (),
    ) -> list[Change]:
        """Return the changes that track a project's new jobs and post their starts.

        The start of a job that has ended already is not posted; its end is, by the next poll. The
        follows that an earlier poll has ``known`` had their posts.
        """
        changes: list[Change] = []
        for job in sorted(new, key=lambda each: each.created_at):
            live = not status(job).ended
            starts = [each for each in follows if live and each.wants_start(project, job)]
            ids = [follow.id for follow in starts]
            new_job = tracked(project, job, now, ids)
            changes.append(self._tracked.addition(new_job))
            posted = {each.channel_id for each in known if each.wants_start(project, job)}
            unposted = [each for each in starts if each.channel_id not in posted]
            changes += map(self._post, job_posts(unposted, follows, new_job.project, None, now))
        return changes

    async def _see(self, before: Seen, after: Seen, changes: Iterable[Change]) -> None:
        await self._store.hold_lease()
        await self._tracked.see(before, after, *changes)
        self._store.publish(self._follows.queue)

    async def _save(
        self, job: TrackedJob, after: TrackedJob | None, posts: Sequence[JobPostTask] = ()
    ) -> None:
        await self._store.hold_lease()
        try:
            await self._tracked.save(job, after, *map(self._post, posts))
        except ChangedError:
            log.info("another process has changed a followed job", job=job.id)
        else:
            if posts:
                self._store.publish(self._follows.queue)

    def _post(self, task: JobPostTask) -> Enqueue:
        return Enqueue(
            task.id, JOB_POST, task.state(), self._follows.queue, lane=task.channel_id, delay=0.0
        )


def _begin(seen: Seen, project: TrainingProject, earlier: ScopeIndex, later: ScopeIndex) -> SeenJob:
    """Return the newest job of a project that was handled; without one, the time to begin at.

    A project without a handled job is new, or newly followed. Its jobs count from the poll before,
    or from the start of a follow that the poll before did not know.
    """
    known = seen.projects.get(project.id)
    if known is not None:
        return known
    team = project.team_name or ""
    since = earlier.since(project.id, team)
    if since is not None and seen.newest is not None:
        since = max(since, seen.newest)
    since = since or later.since(project.id, team) or project.created_at
    return SeenJob(id="", created_at=since)


def _is_new(job: TrainingJob, begin: SeenJob) -> bool:
    """Return whether a job is newer than the handled one; two can begin at the same moment."""
    if begin.id and job.created_at == begin.created_at:
        return job.id != begin.id
    return job.created_at > begin.created_at


def _handled(job: TrainingJob, begin: SeenJob) -> SeenJob:
    """Return a job as the newest that was handled; a deleted job moves no time back."""
    return SeenJob(id=job.id, created_at=max(job.created_at, begin.created_at))
