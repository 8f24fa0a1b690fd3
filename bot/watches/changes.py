"""The comparison of the last two states of a watched job, and the news that follows. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.baseten.models import Moment, TrainingJob, TrainingProject
from bot.views.job import Stage, status
from bot.watches.model import Watch

LONGEST = timedelta(days=14)  # the longest duration of a watch

_OFTEN_MISSING = 2  # polls in a row, because one response can be wrong
_REDRAW = timedelta(minutes=10)  # between updates that change only times
_ORDER = (Stage.WAITING, Stage.DEPLOYING, Stage.RUNNING)


class _News(BaseModel):
    model_config = ConfigDict(frozen=True)


class Moved(_News):
    """The job is in another stage; ``again``: in an earlier one."""

    kind: Literal["moved"] = "moved"
    job: TrainingJob
    again: bool = False


class Ended(_News):
    """The job has ended; ``ran``: its seconds of running, if its start is known."""

    kind: Literal["ended"] = "ended"
    job: TrainingJob
    ran: float | None = None


class StillWaiting(_News):
    """The job has waited too long."""

    kind: Literal["still_waiting"] = "still_waiting"
    job: TrainingJob
    since: Moment


class TakenOver(_News):
    """The watch moves to a newer job; ``seen``: the state of the old job is current."""

    kind: Literal["taken_over"] = "taken_over"
    old: TrainingJob
    new: TrainingJob
    seen: bool


class FirstJob(_News):
    """The project has its first job."""

    kind: Literal["first_job"] = "first_job"
    job: TrainingJob


class Expired(_News):
    """The watch has reached the longest duration."""

    kind: Literal["expired"] = "expired"


class Gone(_News):
    """The project no longer exists."""

    kind: Literal["gone"] = "gone"


class Lost(_News):
    """The job no longer exists, but its project does."""

    kind: Literal["lost"] = "lost"
    job: TrainingJob


News = Annotated[
    Moved | Ended | StillWaiting | TakenOver | FirstJob | Expired | Gone | Lost,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, slots=True)
class Observation:
    """The current state of a watched project in Baseten; each part can be unknown.

    Attributes:
        project: the project, if a request returned it.
        latest: the newest job that a request returned.
        watched: the watched job.
        project_missing: Baseten has no such project.
        job_missing: Baseten has no such job.
    """

    project: TrainingProject | None = None
    latest: TrainingJob | None = None
    watched: TrainingJob | None = None
    project_missing: bool = False
    job_missing: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """The result of a comparison.

    Attributes:
        watch: the new state of the watch. Its number of notifications is one higher if there is
            a notification to send.
        news: the news for the thread, in this order.
        changed: whether the message needs an update.
        moved: whether more has changed than times; if so, the next poll comes soon.
        ended: whether the watch ends.
    """

    watch: Watch
    news: tuple[News, ...] = ()
    changed: bool = False
    moved: bool = False
    ended: bool = False


def compare(watch: Watch, observed: Observation, now: datetime, waiting_too_long: float) -> Changes:
    """Compare the last state of a watch with the current state in Baseten.

    Args:
        watch: the watch, with the last state.
        observed: the current state.
        now: the current time.
        waiting_too_long: seconds until a waiting job is news.
    """
    after, news = _seen(watch, observed)
    ended = after.job is not None and status(after.job).ended
    if not news and (observed.project_missing or observed.job_missing):
        after, news = _missed(watch, observed)
        ended = bool(news)
    if not ended and (waits := _waits_long(after, observed, now, waiting_too_long)) is not None:
        after = after.model_copy(update={"told_waiting": True})
        news.append(waits)
    if not ended and now - watch.started_at >= LONGEST:
        ended = True
        news.append(Expired())
    return _result(watch, after, tuple(news), now, ended=ended)


def _result(
    before: Watch, after: Watch, news: tuple[News, ...], at: datetime, *, ended: bool
) -> Changes:
    """Return a numbered result if the watch needs a notification, else the old watch."""
    was, now = before.project, after.project
    # Compare all fields only if the projects differ: most polls find no change.
    changed = was is not now and was != now and _shown(was) != _shown(now)
    moved = bool(news) or (changed and _shown(was, times=False) != _shown(now, times=False))
    due = moved or at - (before.drawn_at or before.started_at) >= _REDRAW
    if not news and not (changed and due):
        if after.missing == before.missing:
            return Changes(before)
        return Changes(before.model_copy(update={"missing": after.missing}), moved=True)
    numbered = after.model_copy(update={"notifications": before.notifications + 1, "drawn_at": at})
    return Changes(numbered, news, changed, moved, ended)


def _missed(watch: Watch, observed: Observation) -> tuple[Watch, list[News]]:
    """Count a poll without the project or the job; the second one in a row ends the watch."""
    missing = watch.missing + 1
    watch = watch.model_copy(update={"missing": missing})
    if missing < _OFTEN_MISSING:
        return watch, []
    if observed.project_missing or watch.job is None:
        return watch, [Gone()]
    # The message shows the project, because the job no longer exists.
    changes = {"project": observed.project or watch.project, "running_since": None}
    return watch.model_copy(update=changes), [Lost(job=watch.job)]


def _seen(watch: Watch, observed: Observation) -> tuple[Watch, list[News]]:
    """Apply the current state to the watch; return the news."""
    old, new = watch.job, observed.latest
    if old is None:
        return _first(watch, observed, new)
    watched = observed.watched
    newer = new is not None and new.id != old.id and new.created_at > old.created_at
    news: list[News] = []
    if watched is not None:
        watch, news = _followed(watch, observed, old, watched)
    if new is None or not newer:
        return watch, news
    watch = _turned_to(watch, observed, new)
    ended = _ended(watch, new)
    # The end of the new job is the only news, unless the old job is missing.
    if not ended or watched is None:
        news.append(TakenOver(old=watched or old, new=new, seen=watched is not None))
    return watch, [*news, *ended]


def _first(
    watch: Watch, observed: Observation, job: TrainingJob | None
) -> tuple[Watch, list[News]]:
    """Apply the first job of a project; if it has ended, the end is the only news."""
    if job is None:
        if observed.project is None:
            return watch, []
        return watch.model_copy(update={"project": observed.project, "missing": 0}), []
    watch = _turned_to(watch, observed, job)
    return watch, _ended(watch, job) or [FirstJob(job=job)]


def _followed(
    watch: Watch, observed: Observation, old: TrainingJob, job: TrainingJob
) -> tuple[Watch, list[News]]:
    """Apply the current state of the watched job."""
    if job == old and observed.project in (None, watch.project) and not watch.missing:
        return watch, _ended(watch, job)
    was, now = status(old), status(job)
    known = watch.stage if was.stage is Stage.UNKNOWN else was.stage
    changes = {
        "project": _with(observed.project or watch.project, job),
        "missing": 0,
        "stage": known if now.stage is Stage.UNKNOWN else now.stage,
    }
    same = now.stage is was.stage and (now.stage is not Stage.UNKNOWN or now == was)
    if same or now.ended:
        watch = watch.model_copy(update=changes)
        return watch, _ended(watch, job)
    # An unknown status does not reset the times: the last stage might go on.
    if now.stage not in (Stage.UNKNOWN, known):
        changes["running_since"] = job.updated_at if now.stage is Stage.RUNNING else None
        changes["waiting_since"] = job.updated_at if now.stage is Stage.WAITING else None
    again = {now.stage, known} <= set(_ORDER) and _ORDER.index(now.stage) <= _ORDER.index(known)
    return watch.model_copy(update=changes), [Moved(job=job, again=again)]


def _ended(watch: Watch, job: TrainingJob) -> list[News]:
    if not status(job).ended:
        return []
    since = watch.running_since
    ran = None if since is None else max(0.0, (job.updated_at - since).total_seconds())
    return [Ended(job=job, ran=ran)]


def _turned_to(watch: Watch, observed: Observation, job: TrainingJob) -> Watch:
    """Move the watch to another job, and reset the state of the old one."""
    return watch.model_copy(
        update={
            "project": _with(observed.project or watch.project, job),
            "running_since": None,
            "waiting_since": None,
            "told_waiting": False,
            "stage": Stage.UNKNOWN,
            "missing": 0,
        }
    )


def _waits_long(
    watch: Watch, observed: Observation, now: datetime, most: float
) -> StillWaiting | None:
    job = watch.job
    known = {seen.id for seen in (observed.watched, observed.latest) if seen is not None}
    if job is None or job.id not in known or watch.told_waiting:
        return None
    since = watch.waiting_since or job.created_at
    late = status(job).stage is Stage.WAITING and (now - since).total_seconds() > most
    return StillWaiting(job=job, since=since) if late else None


def _with(project: TrainingProject, job: TrainingJob) -> TrainingProject:
    return project.model_copy(update={"latest_job": job})


def _shown(project: TrainingProject, *, times: bool = True) -> dict[str, Any]:
    """Return the fields of a project that a message shows, with its times to the minute."""
    shown: dict[str, Any] = project.model_dump(exclude={"latest_job": {"training_project_id"}})
    for part in _parts(shown):
        for name in ("created_at", "updated_at"):
            part[name] = part[name].replace(second=0, microsecond=0) if times else None
    return shown


def _parts(shown: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield shown
    if shown["latest_job"] is not None:
        yield shown["latest_job"]
