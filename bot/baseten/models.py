"""What the management API answers, frozen.

Fields that older servers leave out have defaults; fields that this code does not know are ignored.
"""

from collections.abc import Callable, Container
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

# Of a job that waits or runs: what the official CLIs search by. Nothing says what the API does
# with a status that it does not know, so the legacy ``TRAINING_JOB_QUEUED``, which they show but
# never search for, is not among them: a job may be under way though a search does not find it.
# https://github.com/basetenlabs/truss/blob/main/truss/cli/train/core.py
UNDER_WAY = (
    "TRAINING_JOB_PENDING",
    "TRAINING_JOB_CREATED",
    "TRAINING_JOB_DEPLOYING",
    "TRAINING_JOB_RUNNING",
)


def _aware(moment: datetime) -> datetime:
    """Take a time without an offset as UTC, which is what the API means."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _or(default: object) -> BeforeValidator:
    """Read null as the default: some servers send null for what others leave out."""
    return BeforeValidator(lambda value: default if value is None else value)


def _from_nanoseconds(written: object) -> datetime | None:
    """Read nanoseconds since the epoch, as a string or a number; what is neither says nothing."""
    if isinstance(written, datetime):
        return written
    try:
        return datetime.fromtimestamp(int(str(written)) // 1_000 / 1_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


Moment = Annotated[datetime, AfterValidator(_aware)]


def _read_what_can_be(value: Any, read: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401
    """Leave items out that cannot be read: one odd job must not hide everybody's."""
    try:
        return read(value)
    except ValidationError:
        readable = []
        for item in value if isinstance(value, list) else ():
            with suppress(ValidationError):
                readable += read([item])
        if not readable:
            raise
        return readable


_READABLE = WrapValidator(_read_what_can_be)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Team(_Answer):
    """A team that the key may see. ``GET /v1/teams``"""

    id: str
    name: str
    default: Annotated[bool, _or(default=False)] = False


class InstanceType(_Answer):
    """The machine a job runs on; ``gpu_count`` is for one node."""

    id: str
    name: str
    gpu_count: Annotated[int, _or(0)] = 0
    gpu_type: str | None = None


class User(_Answer):
    """Who made a job, when known."""

    email: str | None = None


class TrainingJob(_Answer):
    """One run of a training project.

    ``current_status`` is a free string such as ``TRAINING_JOB_RUNNING``. While a job waits for
    capacity, ``error_message`` is advice, not a failure. ``training_project_id`` is None where
    the answer names no project.
    """

    id: str
    training_project_id: str | None = None
    created_at: Moment
    updated_at: Moment
    current_status: str
    error_message: str | None = None
    instance_type: InstanceType | None = None
    name: str | None = None
    node_count: Annotated[int, _or(1)] = 1
    checkpoint_sync_status: str | None = None
    availability_model: str | None = None
    user: User | None = None

    @model_validator(mode="before")
    @classmethod
    def _know_the_project(cls, said: Any) -> Any:  # noqa: ANN401 - whatever the JSON holds
        """Take the project's id from its summary where only that is given."""
        if isinstance(said, dict) and said.get("training_project_id") is None:
            project = said.get("training_project")
            if isinstance(project, dict):
                return said | {"training_project_id": project.get("id")}
        return said

    @property
    def total_gpus(self) -> int:
        """GPUs on all nodes together."""
        return self.instance_type.gpu_count * self.node_count if self.instance_type else 0


class TrainingProject(_Answer):
    """A training project and, if there ever was one, its latest job."""

    id: str
    name: str
    created_at: Moment
    updated_at: Moment
    team_name: str | None = None
    latest_job: TrainingJob | None = None


def only_projects(wanted: Container[str]) -> Callable[[object], TrainingProject | None]:
    """Return a reader of projects' JSON that returns None for an id that is not wanted.

    It raises ``ValueError`` where it cannot read a project.
    """

    def read(project: object) -> TrainingProject | None:
        match project:
            case {"id": str(project_id)}:
                return TrainingProject.model_validate(project) if project_id in wanted else None
        raise ValueError(project)

    return read


class ProjectName(NamedTuple):
    """The part of a training project that tells names apart. It costs a tenth of the whole."""

    name: str
    team_name: str | None

    @classmethod
    def read(cls, project: object) -> "ProjectName":
        """Read it from a project's JSON; raise ``ValueError`` where it has no name."""
        match project:
            case {"name": str(name), "team_name": str(team_name)}:
                return cls(name, team_name)
            case {"name": str(name)}:
                return cls(name, None)
        raise ValueError(project)


class Teams(_Answer):
    """The body of ``GET /v1/teams``."""

    teams: list[Team]


class OneTrainingProject(_Answer):
    """The body of the upsert, and of ``GET /v1/training_projects/{training_project_id}``."""

    training_project: TrainingProject


class ProjectJobs(_Answer):
    """A project and all its jobs. ``GET /v1/training_projects/{training_project_id}/jobs``"""

    training_project: TrainingProject
    training_jobs: Annotated[list[TrainingJob], _READABLE]


class OneTrainingJob(_Answer):
    """The body of ``GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}``."""

    training_job: TrainingJob


class TrainingJobs(_Answer):
    """The body of ``POST /v1/training_jobs/search``."""

    training_jobs: Annotated[list[TrainingJob], _READABLE]


class LogLine(_Answer):
    """A line that a job logged; ``level`` is such as ``INFO``, if the job gave it one."""

    message: Annotated[str, _or("")] = ""
    level: str | None = None
    timestamp: Annotated[datetime | None, BeforeValidator(_from_nanoseconds)] = None


class Logs(_Answer):
    """The body of ``GET …/jobs/{training_job_id}/logs``."""

    logs: Annotated[list[LogLine], _or([])] = []


class GpuCapacity(_Answer):
    """How many GPUs of a type the organisation may use at once, and how many it does.

    A number that is not told is 0. Spot jobs may take the use above the limit.
    """

    gpu_type: Annotated[str, _or("")] = ""
    limit: Annotated[int, _or(0)] = 0
    usage_count: Annotated[int, _or(0)] = 0


class Capacities(_Answer):
    """The body of ``GET /v1/training/capacity``."""

    gpu_capacities: Annotated[list[GpuCapacity], _or([])] = []
