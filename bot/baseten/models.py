"""What the management API answers, frozen.

Fields that older servers leave out have defaults; fields that this code does not know are ignored.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


def _aware(moment: datetime) -> datetime:
    """Take a time without an offset as UTC, which is what the API means."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _or(default: object) -> BeforeValidator:
    """Read null as the default: some servers send null for what others leave out."""
    return BeforeValidator(lambda value: default if value is None else value)


Moment = Annotated[datetime, AfterValidator(_aware)]


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
    capacity, ``error_message`` is advice, not a failure.
    """

    id: str
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


class Teams(_Answer):
    """The body of ``GET /v1/teams``."""

    teams: list[Team]


class OneTrainingProject(_Answer):
    """The body of the upsert, and of ``GET /v1/training_projects/{training_project_id}``."""

    training_project: TrainingProject


class TrainingProjects(_Answer):
    """The body of ``GET /v1/training_projects``."""

    training_projects: list[TrainingProject]


class ProjectJobs(_Answer):
    """A project and all its jobs. ``GET /v1/training_projects/{training_project_id}/jobs``"""

    training_project: TrainingProject
    training_jobs: list[TrainingJob]
