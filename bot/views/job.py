"""A training job in words: its status with a mark, its machines, who and when."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote as percent

from bot.baseten.models import TrainingJob
from bot.slack.message import Block
from bot.views.blocks import section
from bot.views.text import bold, quote, say

_PREFIX = "TRAINING_JOB_"


class Stage(StrEnum):
    """How far a job is; several statuses may be one stage."""

    WAITING = "waiting"
    DEPLOYING = "deploying"
    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Status:
    """A status as people read it.

    Attributes:
        mark: an emoji whose shape, not only its colour, tells the status.
        words: the status in words.
        does: the same as what the job does or did, to follow its name.
        stage: how far the job is.
        advises: whether its ``error_message`` is advice, not a failure.
        failed: whether it ended by a fault, which its last log lines may show.
    """

    mark: str
    words: str
    does: str
    stage: Stage
    advises: bool = False
    failed: bool = False

    @property
    def ended(self) -> bool:
        """Whether the job will not change any more."""
        return self.stage is Stage.ENDED


_STATUSES = {
    "PENDING": Status(
        "⏳",
        "Waiting for GPU capacity",
        "is waiting for GPU capacity",
        Stage.WAITING,
        advises=True,
    ),
    "CREATED": Status("⏳", "Created, not started", "is waiting to start", Stage.WAITING),
    "QUEUED": Status("⏳", "Queued", "is queued", Stage.WAITING),
    "DEPLOYING": Status("🚀", "Deploying", "is deploying", Stage.DEPLOYING),
    "RUNNING": Status("▶️", "Running", "is running", Stage.RUNNING),
    "COMPLETED": Status("✅", "Completed", "completed", Stage.ENDED),
    "FAILED": Status("❌", "Failed", "failed", Stage.ENDED, failed=True),
    "DEPLOY_FAILED": Status("❌", "Failed to deploy", "failed to deploy", Stage.ENDED, failed=True),
    "STOPPED": Status("⏹️", "Stopped by a user", "was stopped by a user", Stage.ENDED),
    "PREEMPTED": Status(
        "⏏️", "Preempted: its spot capacity was taken back", "was preempted", Stage.ENDED
    ),
}
_SYNCING = "SYNCING"
_SYNCS = {_SYNCING: "Being synced", "COMPLETED": "Synced"}


def status(job: TrainingJob) -> Status:
    """Read a job's status; one we do not know is shown in its own words, and is no end."""
    name = job.current_status.removeprefix(_PREFIX)
    if (known := _STATUSES.get(name)) is not None:
        return known
    words = _words(name) or "Unknown"
    return Status("❔", words, f"has the status {words}", Stage.UNKNOWN)


def checkpoints(job: TrainingJob) -> str:
    """Say how far its checkpoints are synced; empty when that is not known.

    Once a job has ended nobody looks at it any more, so nothing is said that would not stay true.
    """
    name = job.checkpoint_sync_status or ""
    if name == _SYNCING and status(job).ended:
        return ""
    return _SYNCS.get(name) or _words(name)


def does(job: TrainingJob) -> str:
    """Say what a job does or did, as ``*gpt-oss-job* is running``."""
    return f"{bold(job_name(job))} {say(status(job).does)}"


def job_name(job: TrainingJob) -> str:
    """Return what people call the job: its name, else its id."""
    return job.name or job.id


def logs_url(project_id: str, job_id: str) -> str:
    """Return the address of the job's page."""
    project, job = percent(project_id, safe=""), percent(job_id, safe="")
    return f"https://app.baseten.co/training/{project}/logs/{job}"


def error_section(job: TrainingJob) -> Block | None:
    """Show what Baseten says of the job: its error where it failed, advice while it waits."""
    said = (job.error_message or "").strip()
    if not said:
        return None
    now = status(job)
    lead = "Error" if now.failed else "Baseten's advice" if now.advises else "Baseten says"
    return section(f"*{lead}*\n{quote(said)}")


def machines(job: TrainingJob) -> str:
    """Say what the job runs on, as ``4xH100 on 2 nodes (8 GPUs), dedicated``."""
    machine = job.instance_type
    said = machine.name if machine else "Unknown machine"
    if job.node_count > 1:
        said += f" on {job.node_count} nodes"
    if job.total_gpus:
        kind = f"{machine.gpu_type} " if machine and (machine.gpu_type or "") not in said else ""
        said += f" ({job.total_gpus} {kind}GPU{'s' if job.total_gpus > 1 else ''})"
    return f"{said}, {job.availability_model.lower()}" if job.availability_model else said


def _words(name: str) -> str:
    """Write a name of the API's as words."""
    return name.replace("_", " ").strip().capitalize()
