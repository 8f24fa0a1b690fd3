"""The head of a project: the part of it that a list of all jobs needs."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from bot.baseten.models import LIVE, Moment, TrainingJob, TrainingProject


class ProjectHead(NamedTuple):
    """A project without its times.

    Attributes:
        id: the project's id.
        name: its name.
        team_name: its team's name; empty if unknown.
        latest_job: the latest job if it has not ended or has changed lately; otherwise None.
    """

    id: str
    name: str
    team_name: str
    latest_job: TrainingJob | None = None


def head_of(project: TrainingProject) -> ProjectHead:
    """Return the head of a project, with its latest job."""
    return ProjectHead(project.id, project.name, project.team_name or "", project.latest_job)


def is_current(job: TrainingJob, since: Moment) -> bool:
    """Return whether a job has not ended, or has changed since this time."""
    return job.current_status in LIVE or job.updated_at >= since


def heads_since(since: datetime) -> Callable[[object], ProjectHead]:
    """Return a function that reads the head of a project from its JSON.

    A model costs 20 times as much as a look at the JSON. It is therefore built only for the latest
    job of a project that has one of the wanted kind.

    Args:
        since: the time before which the last change of an ended job is too old.
    """

    def read(project: object) -> ProjectHead:
        match project:
            case {"id": str(project_id), "name": str(name), **rest}:
                team, job = rest.get("team_name"), _current(rest.get("latest_job"), since)
                return ProjectHead(project_id, name, team if isinstance(team, str) else "", job)
        raise ValueError(project)

    return read


def _current(said: Any, since: datetime) -> TrainingJob | None:  # noqa: ANN401 - any JSON
    """Return a job if it is current; None for other jobs and for invalid ones."""
    if not isinstance(said, dict) or _is_old(said, since):
        return None
    try:
        job = TrainingJob.model_validate(said)
    except ValueError:
        return None
    return job if is_current(job, since) else None


def _is_old(said: dict[str, Any], since: datetime) -> bool:
    """Return whether the JSON alone shows that the job is not current."""
    if said.get("current_status") in LIVE:
        return False
    try:
        return datetime.fromisoformat(str(said.get("updated_at"))) < since
    except (TypeError, ValueError):  # no time, or one without an offset: the model knows it
        return False
