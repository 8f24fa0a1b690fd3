"""Frozen models of the management API's answers.

Fields that older servers do not send have defaults. Unknown fields are ignored.
"""

from collections.abc import Callable, Container
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

# The statuses of jobs that wait or run, as the official CLI searches for them. The legacy status
# ``TRAINING_JOB_QUEUED`` is not among them: the CLI shows it but never searches for it, and the API
# does not document its reaction to an unknown status. A search can therefore miss an active job.
# https://github.com/basetenlabs/truss/blob/main/truss/cli/train/core.py
UNDER_WAY = (
    "TRAINING_JOB_PENDING",
    "TRAINING_JOB_CREATED",
    "TRAINING_JOB_DEPLOYING",
    "TRAINING_JOB_RUNNING",
)


# A job with one of these statuses has not ended.
LIVE = frozenset({*UNDER_WAY, "TRAINING_JOB_QUEUED"})


def _aware(moment: datetime) -> datetime:
    """Return the time with an offset. The API means UTC if it sends no offset."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# Some servers send null for an empty list.
NULL_IS_EMPTY = BeforeValidator(lambda value: [] if value is None else value)


def _from_nanoseconds(written: object) -> datetime | None:
    """Return the time for nanoseconds since the epoch (text or a number); None for other values."""
    if isinstance(written, datetime):
        return written
    try:
        return datetime.fromtimestamp(int(str(written)) // 1_000 / 1_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


Moment = Annotated[datetime, AfterValidator(_aware)]


def _only_readable(value: Any, read: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401
    """Return the valid items of a list: one invalid job must not hide the others."""
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


READABLE = WrapValidator(_only_readable)


class ApiAnswer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Tolerant(ApiAnswer):
    """An answer without its optional fields of a wrong type: they must not hide the others.

    Attributes:
        needed: the optional fields that are not left out, because their absence has a meaning.
    """

    needed: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="wrap")
    @classmethod
    def _leave_out_invalid(cls, said: Any, read: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        try:
            return read(said)
        except ValidationError as error:
            invalid = {each["loc"][0] for each in error.errors() if each["loc"]}
            required = {name for name, field in cls.model_fields.items() if field.is_required()}
            if not isinstance(said, dict) or not invalid or invalid & (required | cls.needed):
                raise
            return read({name: value for name, value in said.items() if name not in invalid})


class Team(Tolerant):
    """A team that the API key can see. ``GET /v1/teams``"""

    id: str
    name: str
    default: bool = False


class InstanceType(Tolerant):
    """The type of machine that a job runs on. ``gpu_count`` counts the GPUs of one node."""

    id: str
    name: str
    gpu_count: int = 0
    gpu_type: str | None = None


class User(Tolerant):
    """The person who started a job."""

    email: Annotated[str | None, AfterValidator(lambda text: (text or "").strip() or None)] = None


class TrainingJob(Tolerant):
    """One run of a training project.

    Attributes:
        training_project_id: the project; None if the answer does not name it.
        current_status: any string, such as ``TRAINING_JOB_RUNNING``.
        error_message: the error of a failed job. For a job that waits for capacity, it is advice.
        priority: waiting jobs start in the order of (-priority, created_at).
    """

    id: str
    training_project_id: str | None = None
    created_at: Moment
    updated_at: Moment
    current_status: str
    error_message: str | None = None
    instance_type: InstanceType | None = None
    name: str | None = None
    node_count: int = 1
    checkpoint_sync_status: str | None = None
    availability_model: str | None = None
    priority: int = 0
    user: User | None = None

    @model_validator(mode="before")
    @classmethod
    def _flatten_project_id(cls, said: Any) -> Any:  # noqa: ANN401 - any JSON
        """Copy the project's id from its summary if the answer has no id of its own."""
        if isinstance(said, dict) and said.get("training_project_id") is None:
            project = said.get("training_project")
            if isinstance(project, dict):
                return said | {"training_project_id": project.get("id")}
        return said

    @property
    def total_gpus(self) -> int:
        """The number of GPUs on all nodes together."""
        return self.instance_type.gpu_count * self.node_count if self.instance_type else 0


class TrainingProject(Tolerant):
    """A training project and its latest job; ``latest_job`` is None before the first one.

    ``job_unreadable`` is True if the answer about this project has a latest job that cannot be
    read. In a list of projects, such a project is left out.
    """

    needed = frozenset({"latest_job"})
    id: str
    name: str
    created_at: Moment
    updated_at: Moment
    team_name: str | None = None
    latest_job: TrainingJob | None = None
    job_unreadable: bool = False


def only_projects(wanted: Container[str]) -> Callable[[object], TrainingProject | None]:
    """Return a function that reads a project's JSON.

    That function returns None for an id that is not wanted, and raises ``ValueError`` if the JSON
    is not a valid project.
    """

    def read(project: object) -> TrainingProject | None:
        match project:
            case {"id": str(project_id)}:
                return TrainingProject.model_validate(project) if project_id in wanted else None
        raise ValueError(project)

    return read


def only_named(name: str) -> Callable[[object], TrainingProject | None]:
    """Return a function as `only_projects` does, for the projects of one name."""

    def read(project: object) -> TrainingProject | None:
        match project:
            case {"name": str(other)}:
                return TrainingProject.model_validate(project) if other == name else None
        raise ValueError(project)

    return read


class ProjectName(NamedTuple):
    """A project's name and its team's name. Reading them costs a tenth of the whole project."""

    name: str
    team_name: str | None

    @classmethod
    def read(cls, project: object) -> "ProjectName":
        """Return the names in a project's JSON.

        Raises:
            ValueError: the project has no name.
        """
        match project:
            case {"name": str(name), "team_name": str(team_name)}:
                return cls(name, team_name)
            case {"name": str(name)}:
                return cls(name, None)
        raise ValueError(project)


class Teams(ApiAnswer):
    """The body of ``GET /v1/teams``."""

    teams: Annotated[list[Team], READABLE]


def _without_unreadable_job(said: Any, read: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401
    """Return the project, although its latest job is unreadable."""
    try:
        return read(said)
    except ValidationError:
        if not isinstance(said, dict) or said.get("latest_job") is None:
            raise
        return read(said | {"latest_job": None, "job_unreadable": True})


AskedProject = Annotated[TrainingProject, WrapValidator(_without_unreadable_job)]


class OneTrainingProject(ApiAnswer):
    """The body of the answers to the upsert of a project, and to the GET by its id."""

    training_project: AskedProject


class ProjectJobs(ApiAnswer):
    """A project and all its jobs. ``GET /v1/training_projects/{training_project_id}/jobs``"""

    training_project: AskedProject
    training_jobs: Annotated[list[TrainingJob], READABLE]


class OneTrainingJob(Tolerant):
    """The body of ``GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}``."""

    training_job: TrainingJob
    training_project: TrainingProject | None = None


class OnlyTrainingJob(ApiAnswer):
    """The body of the answers to stop, recreate and PATCH of a job."""

    training_job: TrainingJob


class TrainingJobs(ApiAnswer):
    """The body of ``POST /v1/training_jobs/search``."""

    training_jobs: Annotated[list[TrainingJob], READABLE]


class LogLine(Tolerant):
    """A line of a job's log. ``level`` is a word such as ``INFO``, or None."""

    message: str = ""
    level: str | None = None
    timestamp: Annotated[datetime | None, BeforeValidator(_from_nanoseconds)] = None


class Logs(ApiAnswer):
    """The body of ``GET …/jobs/{training_job_id}/logs``."""

    logs: Annotated[list[LogLine], NULL_IS_EMPTY, READABLE] = []
