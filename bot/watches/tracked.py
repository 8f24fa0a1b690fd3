"""The jobs that follows wait for, and the newest job of each followed project.

A tracked job is stored once, however many follows cover it. It is a watch without a message: the
poller compares it like the others, and its end is posted by each follow. It is kept for a while
after that: a follow counts from its first message, and is saved a moment later.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from bot.baseten.models import Moment, TrainingJob, TrainingProject
from bot.durable.model import Amend, Change, Enqueue
from bot.durable.parsed import ChangedError, ParsedDocuments
from bot.durable.store import Store
from bot.follows.model import Follow, JobPostTask, job_posts
from bot.projects.creation import CreationOutcome
from bot.projects.message_state import MessageState
from bot.views.job import status
from bot.watches.model import Watch
from bot.watches.news import Ended

_JOBS = "followed jobs"
_SEEN = "followed projects"
_ONLY = "seen"  # the key of the one document with the newest jobs


class TrackedJob(Watch):
    """A job of a followed project, from its first sight to an hour after its end.

    Attributes:
        started_for: the ids of the follows that have posted the start of the job.
        only_for: the ids of the follows that wait for the end; empty: all of them.
    """

    started_for: tuple[str, ...] = ()
    only_for: tuple[str, ...] = ()

    @property
    def expires(self) -> bool:
        """A tracked job has no last day."""
        return False

    def end_posts(self, end: Ended, follows: Sequence[Follow], at: datetime) -> list[JobPostTask]:
        """Return the posts of the end, for each follow that wants it."""
        live, follows = self._waiting(follows)
        failed = status(end.job).failed
        wanting = [
            follow
            for follow in follows
            if follow.wants_end(self.project, end.job, failed=failed)
            # The live message of the channel mentions nobody of a follow after its start.
            and (
                follow.channel_id not in live
                or (failed and follow.mentions and follow.since >= end.job.created_at)
            )
        ]
        return job_posts(wanting, follows, self.project, end.ran, at)

    def loss_posts(
        self, follows: Sequence[Follow], at: datetime, *, gone: bool
    ) -> list[JobPostTask]:
        """Return the posts of a job that Baseten no longer has; ``gone``: nor its project."""
        live, follows = self._waiting(follows)
        wanting = [
            follow
            for follow in follows
            if self.job is not None
            and follow.channel_id not in live
            and follow.wants_loss(self.project, self.job, gone=gone)
        ]
        return job_posts(wanting, follows, self.project, None, at, lost=True)

    def _waiting(self, follows: Sequence[Follow]) -> tuple[set[str], list[Follow]]:
        """Return the channels with a live message of the job, and the follows that wait for it."""
        live = {each.channel_id for each in follows if each.id in self.started_for}
        return live, [each for each in follows if not self.only_for or each.id in self.only_for]


class SeenJob(BaseModel):
    """The newest job of a project that the poller has handled."""

    model_config = ConfigDict(frozen=True)

    id: str
    created_at: Moment


class Seen(BaseModel):
    """The newest jobs that the poller has handled.

    Attributes:
        projects: by the id of the project.
        newest: the creation of the newest of them all; None before the first poll with a follow.
        follows: the ids and the versions of the follows at that time.
    """

    model_config = ConfigDict(frozen=True)

    projects: Mapping[str, SeenJob] = {}
    newest: Moment | None = None
    follows: tuple[str, ...] = ()


class TrackedJobs:
    """The store of tracked jobs, shared by all replicas.

    Every coroutine raises `StoreUnavailableError` if the database does not answer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs = ParsedDocuments(store, _JOBS, TrackedJob)
        self._seen = ParsedDocuments(store, _SEEN, Seen)

    async def all(self) -> list[TrackedJob]:
        """Return all tracked jobs, in no order."""
        return await self._jobs.all()

    async def seen(self) -> Seen:
        """Return the newest jobs that were handled."""
        found = await self._seen.all()
        return found[0] if found else Seen()

    def addition(self, job: TrackedJob) -> Amend:
        """Return the change that tracks a job; one that is tracked already gets the follows."""

        def changed(kept: TrackedJob | None) -> TrackedJob:
            if kept is None:
                return job
            ids = tuple(dict.fromkeys((*kept.started_for, *job.started_for)))
            return kept.model_copy(update={"started_for": ids})

        return self._jobs.amendment(job.id, changed)

    async def see(self, before: Seen, after: Seen, *changes: Change) -> None:
        """Save the newest jobs, with the changes that follow from them, or nothing.

        Raises:
            ChangedError: another process has saved others.
        """

        def changed(kept: Seen | None) -> Seen:
            if (kept or Seen()) != before:
                raise ChangedError
            return after

        await self._store.write(self._seen.amendment(_ONLY, changed), *changes)

    async def save(self, before: TrackedJob, after: TrackedJob | None, *posts: Enqueue) -> None:
        """Save a job; with None it is tracked no more, and its posts are enqueued.

        Raises:
            ChangedError: another process has changed it.
        """
        await self._store.write(self._jobs.replacement(before.id, before, after), *posts)


def tracked(
    project: TrainingProject,
    job: TrainingJob,
    now: datetime,
    started_for: Iterable[str] = (),
    only_for: tuple[str, ...] = (),
) -> TrackedJob:
    """Return the document of a job that is not tracked yet; see `TrackedJob`."""
    return TrackedJob(
        id=":".join((job.id, *only_for[:1])),
        channel_id="",
        ts="",
        thread_ts="",
        watchers=(),
        message_state=MessageState(
            project_id=project.id, team=project.team_name or "", outcome=CreationOutcome.EXISTED
        ),
        project=project.model_copy(update={"latest_job": job}),
        started_at=now,
        started_for=tuple(started_for),
        only_for=only_for,
    )
