"""A job as it was and as it is: what there is to say about it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.baseten.models import Moment, TrainingJob, TrainingProject
from bot.views.job import Stage, status
from bot.watches.model import Watch

LONGEST = timedelta(days=14)  # that a watch lasts

_OFTEN_MISSING = 2  # looks in a row, for one answer may be wrong
_REDRAW = timedelta(minutes=10)  # at least, where nothing but times would change in the message
_ORDER = (Stage.WAITING, Stage.DEPLOYING, Stage.RUNNING)


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


class Lost(_News):
    """The job is no longer there, though its project is."""

    kind: Literal["lost"] = "lost"
    job: TrainingJob


News = Annotated[
    Moved | Ended | StillWaiting | TakenOver | FirstJob | Expired | Gone | Lost,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, slots=True)
class Found:
    """What Baseten tells of a watched project now; all of it may be unknown.

    Attributes:
        project: itself, where it was asked for.
        latest: the newest of its jobs that was found.
        watched: the job that is watched.
        gone: Baseten says that there is no such project.
        lost: Baseten says that there is no such job.
    """

    project: TrainingProject | None = None
    latest: TrainingJob | None = None
    watched: TrainingJob | None = None
    gone: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What came of looking at a watch.

    Attributes:
        watch: as it is to be kept; with a number of reports that is one higher where there is
            something to report.
        news: what the thread is to be told, in this order.
        changed: whether the message is to be drawn again.
        moved: whether more has changed than the times that the message shows: look again soon.
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
    after, news = _seen(watch, found)
    over = after.job is not None and status(after.job).ended
    if not news and (found.gone or found.lost):
        after, news = _missed(watch, found)
        over = bool(news)
    if not over and (waits := _waits_long(after, found, now, waiting_too_long)) is not None:
        after = after.model_copy(update={"told_waiting": True})
        news.append(waits)
    if not over and now - watch.started_at >= LONGEST:
        over = True
        news.append(Expired())
    return _report(watch, after, tuple(news), now, over=over)


def _report(
    before: Watch, after: Watch, news: tuple[News, ...], at: datetime, *, over: bool
) -> Look:
    """Number the report, if there is anything to report; else the watch stays as it was."""
    was, now = before.project, after.project
    # Reading all the fields is left for the few that differ: most looks find nothing new.
    changed = was is not now and was != now and _shown(was) != _shown(now)
    moved = bool(news) or (changed and _shown(was, times=False) != _shown(now, times=False))
    due = moved or at - (before.drawn_at or before.started_at) >= _REDRAW
    if not news and not (changed and due):
        if after.missing == before.missing:
            return Look(before)
        return Look(before.model_copy(update={"missing": after.missing}), moved=True)
    numbered = after.model_copy(update={"reports": before.reports + 1, "drawn_at": at})
    return Look(numbered, news, changed, moved, over)


def _missed(watch: Watch, found: Found) -> tuple[Watch, list[News]]:
    """Miss the project, or the job, which ends the watch where it is missed again."""
    missing = watch.missing + 1
    watch = watch.model_copy(update={"missing": missing})
    if missing < _OFTEN_MISSING:
        return watch, []
    if found.gone or watch.job is None:
        return watch, [Gone()]
    # The message is to show what there is, and that job is not.
    changes = {"project": found.project or watch.project, "running_since": None}
    return watch.model_copy(update=changes), [Lost(job=watch.job)]


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
    watch = _turned_to(watch, found, new)
    ended = _ended(watch, new)
    # Nobody follows a job that has ended: its end says it all, but for an old one that is lost.
    if not ended or watched is None:
        news.append(TakenOver(old=watched or old, new=new, seen=watched is not None))
    return watch, [*news, *ended]


def _first(watch: Watch, found: Found, job: TrainingJob | None) -> tuple[Watch, list[News]]:
    """See a project that had no job; of one that has ended by now, the end says it all."""
    if job is None:
        if found.project is None:
            return watch, []
        return watch.model_copy(update={"project": found.project, "missing": 0}), []
    watch = _turned_to(watch, found, job)
    return watch, _ended(watch, job) or [FirstJob(job=job)]


def _followed(
    watch: Watch, found: Found, old: TrainingJob, job: TrainingJob
) -> tuple[Watch, list[News]]:
    """See the same job again."""
    if job == old and found.project in (None, watch.project) and not watch.missing:
        return watch, _ended(watch, job)
    was, now = status(old), status(job)
    known = watch.stage if was.stage is Stage.UNKNOWN else was.stage
    changes = {
        "project": _with(found.project or watch.project, job),
        "missing": 0,
        "stage": known if now.stage is Stage.UNKNOWN else now.stage,
    }
    same = now.stage is was.stage and (now.stage is not Stage.UNKNOWN or now == was)
    if same or now.ended:
        watch = watch.model_copy(update=changes)
        return watch, _ended(watch, job)
    # A status that we do not know is no way back: what was going on before it may go on in it.
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


def _turned_to(watch: Watch, found: Found, job: TrainingJob) -> Watch:
    """Watch another job; what was known of the one before does not hold for it."""
    return watch.model_copy(
        update={
            "project": _with(found.project or watch.project, job),
            "running_since": None,
            "waiting_since": None,
            "told_waiting": False,
            "stage": Stage.UNKNOWN,
            "missing": 0,
        }
    )


def _waits_long(watch: Watch, found: Found, now: datetime, most: float) -> StillWaiting | None:
    job = watch.job
    known = {seen.id for seen in (found.watched, found.latest) if seen is not None}
    if job is None or job.id not in known or watch.told_waiting:
        return None
    since = watch.waiting_since or job.created_at
    late = status(job).stage is Stage.WAITING and (now - since).total_seconds() > most
    return StillWaiting(job=job, since=since) if late else None


def _with(project: TrainingProject, job: TrainingJob) -> TrainingProject:
    return project.model_copy(update={"latest_job": job})


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
