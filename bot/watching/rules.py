"""A job as it was and as it is: what there is to say about it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.baseten.models import Moment, TrainingJob, TrainingProject
from bot.watching.watches import Watch

LONGEST = timedelta(days=14)  # that a watch lasts

_WAITING, _DEPLOYING, _RUNNING, _ENDED = "waiting", "deploying", "running", "ended"
_STAGES = {
    "TRAINING_JOB_PENDING": _WAITING,
    "TRAINING_JOB_CREATED": _WAITING,
    "TRAINING_JOB_QUEUED": _WAITING,
    "TRAINING_JOB_DEPLOYING": _DEPLOYING,
    "TRAINING_JOB_RUNNING": _RUNNING,
    "TRAINING_JOB_COMPLETED": _ENDED,
    "TRAINING_JOB_FAILED": _ENDED,
    "TRAINING_JOB_DEPLOY_FAILED": _ENDED,
    "TRAINING_JOB_STOPPED": _ENDED,
    "TRAINING_JOB_PREEMPTED": _ENDED,
}
_ORDER = (_WAITING, _DEPLOYING, _RUNNING)


class _News(BaseModel):
    model_config = ConfigDict(frozen=True)


class Moved(_News):
    """The job is in another stage; ``again``: in one that it had left behind."""

    kind: Literal["moved"] = "moved"
    job: TrainingJob
    again: bool = False


class Ended(_News):
    """The job has ended; ``ran`` is for how many seconds it ran, where its start was seen."""

    kind: Literal["ended"] = "ended"
    job: TrainingJob
    ran: float | None = None


class StillWaiting(_News):
    """The job has been waiting since then, which is long."""

    kind: Literal["still_waiting"] = "still_waiting"
    job: TrainingJob
    since: Moment


class TakenOver(_News):
    """A newer job is watched from here on; ``seen``: the old one is as Baseten tells it now."""

    kind: Literal["taken_over"] = "taken_over"
    old: TrainingJob
    new: TrainingJob
    seen: bool


class FirstJob(_News):
    """The project has a job now."""

    kind: Literal["first_job"] = "first_job"
    job: TrainingJob


class Expired(_News):
    """The watch has lasted for as long as one may."""

    kind: Literal["expired"] = "expired"


class Gone(_News):
    """The project is no longer there."""

    kind: Literal["gone"] = "gone"


News = Annotated[
    Moved | Ended | StillWaiting | TakenOver | FirstJob | Expired | Gone,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, slots=True)
class Found:
    """What Baseten tells of a watched project now; all of it may be unknown.

    Attributes:
        project: itself, where it was asked for.
        latest: the newest of its jobs that was found.
        watched: the job that is watched.
        gone: the project is no longer there.
    """

    project: TrainingProject | None = None
    latest: TrainingJob | None = None
    watched: TrainingJob | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What came of looking at a watch.

    Attributes:
        watch: as it is to be kept.
        news: what the thread is to be told, in this order.
        changed: whether the message is to be drawn again.
        moved: whether more has changed than the times that the message shows.
        over: whether the watch ends here.
    """

    watch: Watch
    news: tuple[News, ...] = ()
    changed: bool = False
    moved: bool = False
    over: bool = False


def look(watch: Watch, found: Found, now: datetime, waiting_too_long: float) -> Look:
    """Compare what was last seen with what is found now.

    Args:
        watch: with what was last seen.
        found: what Baseten tells now.
        now: the time.
        waiting_too_long: seconds that a job may wait before the thread is told.
    """
    if found.gone:
        return _report(watch, watch, (Gone(),), over=True)
    after, news = _seen(watch, found)
    over = after.job is not None and _stage(after.job) == _ENDED
    if not over and (waits := _waits_long(after, found, now, waiting_too_long)) is not None:
        after = after.model_copy(update={"told_waiting": True})
        news.append(waits)
    if not over and now - watch.started_at >= LONGEST:
        over = True
        news.append(Expired())
    return _report(watch, after, tuple(news), over=over)


def _report(before: Watch, after: Watch, news: tuple[News, ...], *, over: bool) -> Look:
    """Number the report, if there is anything to report; else the watch stays as it was."""
    was, now = before.project, after.project
    # Reading all the fields is left for the few that differ: most looks find nothing new.
    changed = was is not now and was != now and _shown(was) != _shown(now)
    if not (changed or news):
        return Look(before)
    moved = bool(news) or _shown(was, times=False) != _shown(now, times=False)
    numbered = after.model_copy(update={"reports": before.reports + 1})
    return Look(numbered, news, changed, moved, over)


def _seen(watch: Watch, found: Found) -> tuple[Watch, list[News]]:
    """Take what is found into the watch."""
    old, new = watch.job, found.latest
    if old is None:
        return _first(watch, found, new)
    watched = found.watched
    newer = new is not None and new.id != old.id and new.created_at > old.created_at
    news: list[News] = []
    if watched is not None:
        watch, news = _followed(watch, found, old, watched)
    if new is None or not newer:
        return watch, news
    news.append(TakenOver(old=watched or old, new=new, seen=watched is not None))
    watch = _turned_to(watch, found, new)
    return watch, [*news, *_ended(watch, new)]


def _first(watch: Watch, found: Found, job: TrainingJob | None) -> tuple[Watch, list[News]]:
    """See a project that had no job; of one that has ended by now, the end says it all."""
    if job is None:
        project = found.project or watch.project
        return watch.model_copy(update={"project": project}), []
    watch = _turned_to(watch, found, job)
    return watch, _ended(watch, job) or [FirstJob(job=job)]


def _followed(
    watch: Watch, found: Found, old: TrainingJob, job: TrainingJob
) -> tuple[Watch, list[News]]:
    """See the same job again."""
    if job == old and found.project in (None, watch.project):
        return watch, _ended(watch, job)
    before, after = _stage(old), _stage(job)
    changes: dict[str, Any] = {"project": _with(found.project or watch.project, job)}
    if after in {before, _ENDED}:
        watch = watch.model_copy(update=changes)
        return watch, _ended(watch, job)
    changes["running_since"] = job.updated_at if after == _RUNNING else None
    changes["waiting_since"] = job.updated_at if after == _WAITING else None
    again = before in _ORDER and after in _ORDER and _ORDER.index(after) < _ORDER.index(before)
    return watch.model_copy(update=changes), [Moved(job=job, again=again)]


def _ended(watch: Watch, job: TrainingJob) -> list[News]:
    if _stage(job) != _ENDED:
        return []
    since = watch.running_since
    ran = None if since is None else max(0.0, (job.updated_at - since).total_seconds())
    return [Ended(job=job, ran=ran)]


def _turned_to(watch: Watch, found: Found, job: TrainingJob) -> Watch:
    """Watch another job; what was known of the one before does not hold for it."""
    return watch.model_copy(
        update={
            "project": _with(found.project or watch.project, job),
            "running_since": None,
            "waiting_since": None,
            "told_waiting": False,
        }
    )


def _waits_long(watch: Watch, found: Found, now: datetime, most: float) -> StillWaiting | None:
    job = watch.job
    known = {seen.id for seen in (found.watched, found.latest) if seen is not None}
    if job is None or job.id not in known or watch.told_waiting or _stage(job) != _WAITING:
        return None
    since = watch.waiting_since or job.created_at
    return StillWaiting(job=job, since=since) if (now - since).total_seconds() > most else None


def _with(project: TrainingProject, job: TrainingJob) -> TrainingProject:
    return project.model_copy(update={"latest_job": job})


def _stage(job: TrainingJob) -> str:
    """Return the stage of a job; a status that we do not know is one of its own."""
    return _STAGES.get(job.current_status, job.current_status)


def _shown(project: TrainingProject, *, times: bool = True) -> dict[str, Any]:
    """Return what a message shows of a project, its times to the minute."""
    shown: dict[str, Any] = project.model_dump(exclude={"latest_job": {"training_project_id"}})
    for part in _parts(shown):
        for name in ("created_at", "updated_at"):
            part[name] = part[name].replace(second=0, microsecond=0) if times else None
    return shown


def _parts(shown: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield shown
    if shown["latest_job"] is not None:
        yield shown["latest_job"]
