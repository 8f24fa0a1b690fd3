"""The comparison of the last two states of a watched job, and the news that follows. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from bot.baseten.models import TrainingJob, TrainingProject
from bot.views.job import Stage, status
from bot.watches.model import Watch
from bot.watches.news import (
    ENDS,
    Ended,
    Expired,
    FirstJob,
    Gone,
    Lost,
    Moved,
    NewerJob,
    News,
    StillWaiting,
)

LONGEST = timedelta(days=14)  # the longest duration of a watch
HOLD = timedelta(seconds=15)  # after a job's last update; its last log lines can arrive late

_OFTEN_MISSING = 2  # polls in a row, because one response can be wrong
_REDRAW = timedelta(minutes=10)  # between updates that change only times
_GOING = (Stage.DEPLOYING, Stage.RUNNING)
_ORDER = (Stage.WAITING, Stage.DEPLOYING, Stage.RUNNING)


class Observation(NamedTuple):  # thousands are created in a poll, faster than dataclasses
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
        watch: the new state of the watch; the same object if nothing is to be saved.
        news: the news for the thread, in this order.
        redraw: whether the message needs an update.
        moved: whether more has changed than times; if so, the next poll comes soon.
    """

    watch: Watch
    news: tuple[News, ...] = ()
    redraw: bool = False
    moved: bool = False

    def applied(self, kept: Watch, at: datetime) -> Watch:
        """Return the present watch with this result: its watchers and its outbox are kept."""
        fields = {
            "watchers": kept.watchers,
            "looks": kept.looks,
            "numbered": kept.numbered,
            "outbox": kept.outbox,
            "revision": kept.revision + self.redraw,
            "drawn": kept.drawn,
            "courier": kept.courier,
        }
        return self.watch.model_copy(update=fields).with_news(at, self.news)


def is_quiet(watch: Watch, observed: Observation, now: datetime) -> bool:
    """Return whether a comparison would find nothing, by tests that cost little.

    With thousands of watches, this decides nearly all of them.
    """
    job, latest, newer = watch.project.latest_job, observed.latest, watch.newer
    if job is None or observed.watched is not job:
        return False
    stage = status(job).stage
    return (
        (latest is job or (newer is not None and latest is not None and latest.id == newer.id))
        and observed.project is None
        and not watch.missing
        and now - watch.started_at < LONGEST
        and stage is not Stage.ENDED
        and (watch.told_waiting or stage in _GOING)
    )


def compare(
    watch: Watch,
    observed: Observation,
    now: datetime,
    waiting_too_long: float,
    also: tuple[str, ...] | None = (),
) -> Changes:
    """Compare the last state of a watch with the current state in Baseten.

    Args:
        watch: the watch, with the last state.
        observed: the current state.
        now: the current time.
        waiting_too_long: seconds until a waiting job is news.
        also: the watchers of other messages in the same thread, who hear of a newer job too; None:
            another watch announces it.
    """
    after, news = _seen(watch, observed)
    if not news and (observed.project_missing or observed.job_missing):
        after, news = _missed(watch, observed)
    elif (job := after.job) is not None and status(job).ended:
        after = _held(watch, after, now)
        if _is_settled(after, job, now):
            news.append(ended_news(after, job))
    elif after.end_seen_at is not None:
        after = after.model_copy(update={"end_seen_at": None})
    if (waits := _waits_long(after, observed, now, waiting_too_long)) is not None:
        after = after.model_copy(update={"told_waiting": True})
        news.append(waits)
    expired = watch.expires and now - watch.started_at >= LONGEST
    if expired and not any(isinstance(each, ENDS) for each in news):
        news.append(Expired())
    after, newer = _newer(after, observed)
    if newer is not None and also is not None:
        followed = None if after.job is None or status(after.job).ended else after.job
        news.append(NewerJob(job=newer, followed=followed, also=also))
    return _result(watch, after, tuple(news), now)


def _result(before: Watch, after: Watch, news: tuple[News, ...], at: datetime) -> Changes:
    """Return the result; the old watch if there is nothing to save."""
    was, now = before.project, after.project
    if news and any(isinstance(each, ENDS) for each in news):
        gone = any(isinstance(each, Gone) for each in news)
        ended = after.model_copy(update={"ended": True, "gone": gone, "drawn_at": at})
        return Changes(ended, news, redraw=True, moved=True)
    held = after.end_seen_at is not None  # one update shows the end, after the last log lines
    # Compare all fields only if the projects differ: most polls find no change.
    changed = not held and was is not now and was != now and _shown(was) != _shown(now)
    moved = bool(news) or (changed and _shown(was, times=False) != _shown(now, times=False))
    due = moved or at - (before.drawn_at or before.started_at) >= _REDRAW
    redraw = (changed and due) or before.newer != after.newer
    if redraw:
        after = after.model_copy(update={"drawn_at": at})
    elif not (news or held or after.missing != before.missing):
        return Changes(before)
    moved = moved or held or before.newer != after.newer or after.missing != before.missing
    return Changes(before if after == before else after, news, redraw, moved)


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
    if watch.job is not None:
        if observed.watched is None:
            return watch, []
        return _followed(watch, observed, watch.job, observed.watched)
    project, job = observed.project or watch.project, observed.latest
    if job is None:
        known = observed.project is not None
        return (watch.model_copy(update={"project": project, "missing": 0}) if known else watch), []
    first = watch.model_copy(update={"project": _with(project, job), "missing": 0})
    return first, [] if status(job).ended else [FirstJob(job=job)]


def _followed(
    watch: Watch, observed: Observation, old: TrainingJob, job: TrainingJob
) -> tuple[Watch, list[News]]:
    """Apply the current state of the watched job."""
    project = watch.project if observed.project is None else _with(observed.project, job)
    same = job is old or job == old  # in this order, as the most frequent comparison is costly
    if same and (project is watch.project or project == watch.project) and not watch.missing:
        return watch, []
    was, now = status(old).stage, status(job).stage
    changes: dict[str, Any] = {"project": _with(project, job), "missing": 0}
    if now is was or now is Stage.ENDED:
        return watch.model_copy(update=changes), []
    changes["running_since"] = job.updated_at if now is Stage.RUNNING else None
    changes["waiting_since"] = job.updated_at if now is Stage.WAITING else None
    again = was in _ORDER and _ORDER.index(now) < _ORDER.index(was)
    return watch.model_copy(update=changes), [Moved(job=job, again=again)]


def _newer(watch: Watch, observed: Observation) -> tuple[Watch, TrainingJob | None]:
    """Return the watch that knows the newest live job, and that job if it was not known before."""
    job, latest = watch.job, observed.latest
    if job is None or latest is None or latest.id == job.id or status(latest).ended:
        return watch, None
    if latest.created_at <= (job if watch.newer is None else watch.newer).created_at:
        return watch, None
    return watch.announcing(latest), latest


def _held(before: Watch, after: Watch, now: datetime) -> Watch:
    """Return the watch with the time at which a poll first saw this end."""
    if before.end_seen_at is not None and after.job == before.job:
        return after
    return after.model_copy(update={"end_seen_at": now})


def _is_settled(watch: Watch, job: TrainingJob, now: datetime) -> bool:
    """Return whether the job's last log lines are readable; a wrong clock delays it once only."""
    seen = watch.end_seen_at
    return now - job.updated_at >= HOLD or (seen is not None and now - seen >= HOLD)


def ended_news(watch: Watch, job: TrainingJob) -> Ended:
    """Return the news of the end of a watched job."""
    since = watch.running_since
    ran = None if since is None else max(0.0, (job.updated_at - since).total_seconds())
    return Ended(job=job, ran=ran)


def _waits_long(
    watch: Watch, observed: Observation, now: datetime, most: float
) -> StillWaiting | None:
    job = watch.job
    if job is None or watch.told_waiting or status(job).stage is not Stage.WAITING:
        return None
    if job.id not in {each.id for each in (observed.watched, observed.latest) if each is not None}:
        return None
    since = watch.waiting_since or job.created_at
    waited = (now - since).total_seconds()
    return StillWaiting(job=job, since=since, waited=waited) if waited > most else None


def _with(project: TrainingProject, job: TrainingJob) -> TrainingProject:
    return project.model_copy(update={"latest_job": job})


def _shown(project: TrainingProject, *, times: bool = True) -> dict[str, Any]:
    """Return the fields of a project that a message shows, with its times to the minute."""
    shown: dict[str, Any] = project.model_dump(exclude={"latest_job": {"training_project_id"}})
    for part in filter(None, (shown, shown["latest_job"])):
        for name in ("created_at", "updated_at"):
            part[name] = part[name].replace(second=0, microsecond=0) if times else None
    return shown
