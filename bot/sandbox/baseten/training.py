"""The state of the sandbox's Baseten: teams, training projects and jobs, and their JSON."""

import bisect
import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from bot.sandbox.baseten.job_logs import Line
from bot.sandbox.baseten.job_measures import SavedCheckpoint
from bot.sandbox.faults import Json

ENDED = frozenset(
    f"TRAINING_JOB_{end}"
    for end in ("COMPLETED", "FAILED", "DEPLOY_FAILED", "STOPPED", "PREEMPTED")
)
# The documented statuses of a search. The sandbox refuses all others, also the legacy status
# `TRAINING_JOB_QUEUED`, which a job can still have.
KNOWN = ENDED | {
    f"TRAINING_JOB_{phase}" for phase in ("PENDING", "CREATED", "DEPLOYING", "RUNNING")
}
HOLDING_GPUS = frozenset({"TRAINING_JOB_DEPLOYING", "TRAINING_JOB_RUNNING"})


def iso(moment: datetime) -> str:
    """Return a time in the format of the API."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def eight_h100() -> dict[str, Json]:
    """The default instance type of a job: 8xH100."""
    return {
        "id": "8xH100",
        "name": "8xH100",
        "memory_limit_mib": 1_843_200,
        "millicpu_limit": 176_000,
        "gpu_count": 8,
        "gpu_type": "H100",
        "gpu_memory_limit_mib": 81_920,
    }


@dataclass(frozen=True, slots=True)
class Team:
    """A team that the key can see."""

    id: str
    name: str
    default: bool
    created_at: datetime

    def json(self) -> dict[str, Json]:
        """The team as the API shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "default": self.default,
            "created_at": iso(self.created_at),
        }


@dataclass(frozen=True, slots=True)
class Job:
    """A training job, with its fields' names as in the API (but `user` is `user_email` here)."""

    id: str
    project_id: str
    created_at: datetime
    updated_at: datetime
    current_status: str
    instance_type: dict[str, Json]
    error_message: str | None = None
    node_count: int = 1
    name: str | None = None
    checkpoint_sync_status: str | None = None
    priority: int = 0
    availability_model: str = "dedicated"
    user_email: str | None = None

    @property
    def gpus(self) -> int:
        """The number of its GPUs, on all its nodes."""
        return int(self.instance_type["gpu_count"]) * self.node_count


@dataclass(frozen=True, slots=True)
class Project:
    """A training project; `job_ids` from the oldest to the newest."""

    id: str
    team_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    job_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Turn:
    """A planned change of a job."""

    at: datetime
    job_id: str
    changes: Mapping[str, Any]


_Turns: TypeAlias = Sequence[tuple[float, Mapping[str, Any]]]  # seconds, and the changes then
_Plan: TypeAlias = tuple[str, _Turns]  # the job's id, and its turns


@dataclass(slots=True)
class Training:
    """The state of the service.

    Attributes:
        now: its clock.
        stops_after: seconds from the call that stops a job to its end.
        teams: by id, in order of creation, as are projects and jobs.
        projects: by id.
        jobs: by id.
        logs: by the id of the job, as are the checkpoints and the GPUs' use.
    """

    now: Callable[[], datetime]
    stops_after: float = 0.05
    teams: dict[str, Team] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    logs: dict[str, list[Line]] = field(default_factory=dict)
    checkpoints: dict[str, list[SavedCheckpoint]] = field(default_factory=dict)
    gpu_use: dict[str, list[tuple[datetime, float]]] = field(default_factory=dict)
    _script: list[_Turn] = field(default_factory=list)
    _once_opened: dict[str, list[_Plan]] = field(default_factory=dict)
    # Seeded, so that a test's ids are the same in every run.
    _random: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - no secret

    def new_id(self) -> str:
        """An unused id of the API's shape: 7 characters of `[a-z0-9]`."""
        return "".join(self._random.choices(string.ascii_lowercase + string.digits, k=7))

    def upsert(self, team_id: str, name: str) -> Project:
        """Return the project of this name in the team; create it if it does not exist."""
        for project in self.projects.values():
            if (project.team_id, project.name) == (team_id, name):
                for job_id, turns in self._once_opened.pop(project.id, []):
                    self.plan(job_id, turns)
                return project
        return self.create(team_id, name, self.now())

    def create(
        self, team_id: str, name: str, created_at: datetime, project_id: str | None = None
    ) -> Project:
        """Put a project into a team."""
        project = Project(project_id or self.new_id(), team_id, name, created_at, created_at)
        self.projects[project.id] = project
        return project

    def delete(self, project_id: str) -> None:
        """Delete a project and, as Baseten does, its jobs."""
        for job_id in self.projects.pop(project_id).job_ids:
            del self.jobs[job_id]

    def start(self, job: Job) -> None:
        """Add a job, as the latest one of its project."""
        project = self.projects[job.project_id]
        self.jobs[job.id] = job
        self.projects[project.id] = replace(
            project,
            job_ids=(*project.job_ids, job.id),
            updated_at=max(project.updated_at, job.updated_at),
        )

    def change(self, job_id: str, changes: Mapping[str, Any], at: datetime) -> Job:
        """Change a job's fields; `status` is short for `current_status`.

        Raises:
            TypeError: a job has no such field.
        """
        named = {
            "current_status" if key == "status" else key: value for key, value in changes.items()
        }
        job = replace(self.jobs[job_id], **{"updated_at": at, **named})
        project = self.projects[job.project_id]
        self.jobs[job_id] = job
        self.projects[project.id] = replace(
            project, updated_at=max(project.updated_at, job.updated_at)
        )
        return job

    def plan_once_opened(self, project_id: str, job_id: str, turns: _Turns) -> None:
        """Plan changes that count from the first upsert of a project."""
        self._once_opened.setdefault(project_id, []).append((job_id, turns))

    def plan(self, job_id: str, turns: _Turns) -> None:
        """Plan changes of a job, in seconds from now; `catch_up` applies them."""
        begin = self.now()
        for after, changes in turns:
            turn = _Turn(begin + timedelta(seconds=after), job_id, changes)
            bisect.insort(self._script, turn, key=lambda turn: turn.at)

    def unplan(self, job_id: str) -> None:
        """Drop the planned changes of a job."""
        self._script = [turn for turn in self._script if turn.job_id != job_id]
        for project_id, plans in self._once_opened.items():
            self._once_opened[project_id] = [plan for plan in plans if plan[0] != job_id]

    def catch_up(self) -> None:
        """Apply the planned changes that are due; drop those of deleted jobs."""
        now = self.now()
        while self._script and self._script[0].at <= now:
            turn = self._script.pop(0)
            if turn.job_id in self.jobs:
                self.change(turn.job_id, turn.changes, turn.at)

    def job_json(self, job: Job) -> dict[str, Json]:
        """A job as the API shows it."""
        return {
            "id": job.id,
            "created_at": iso(job.created_at),
            "current_status": job.current_status,
            "error_message": job.error_message,
            "instance_type": dict(job.instance_type),
            "node_count": job.node_count,
            "updated_at": iso(job.updated_at),
            "training_project_id": job.project_id,
            "training_project": {
                "id": job.project_id,
                "name": self.projects[job.project_id].name,
            },
            "name": job.name,
            "checkpoint_sync_status": job.checkpoint_sync_status,
            "priority": job.priority,
            "availability_model": job.availability_model,
            "user": None if job.user_email is None else {"email": job.user_email},
        }

    def project_json(self, project: Project) -> dict[str, Json]:
        """A project as the API shows it, its latest job included."""
        latest = self.jobs[project.job_ids[-1]] if project.job_ids else None
        return {
            "id": project.id,
            "name": project.name,
            "created_at": iso(project.created_at),
            "updated_at": iso(project.updated_at),
            "team_name": self.teams[project.team_id].name,
            "latest_job": None if latest is None else self.job_json(latest),
        }

    def capacity_json(self, gpu_type: str, limit: int, team_id: str = "") -> dict[str, Json]:
        """The capacity of one type of GPU as the API shows it: the organization's, or a team's."""
        team: dict[str, Json] = {}
        if team_id:
            team = {"team_id": team_id, "team_name": self.teams[team_id].name}
        usage = {"dedicated": 0, "spot": 0}
        for job in self.jobs.values():
            if team_id not in {"", self.projects[job.project_id].team_id}:
                continue
            if job.instance_type["gpu_type"] == gpu_type and job.current_status in HOLDING_GPUS:
                spot = job.availability_model.lower() == "spot"
                usage["spot" if spot else "dedicated"] += job.gpus
        return team | {
            "gpu_type": gpu_type,
            "baseline": limit // 2,
            "limit": limit,
            "usage_count": usage["dedicated"] + usage["spot"],
            "dedicated_usage_count": usage["dedicated"],
            "spot_usage_count": usage["spot"],
        }
