"""A training job in words: its status with a mark, its machines, who and when."""

from dataclasses import dataclass
from urllib.parse import quote as percent

from slack_sdk.models.blocks import SectionBlock

from bot.baseten.models import TrainingJob
from bot.views.blocks import section
from bot.views.text import bold, quote, say

_PREFIX = "TRAINING_JOB_"


@dataclass(frozen=True, slots=True)
class Status:
    """A status as people read it.

    Attributes:
        mark: an emoji whose shape, not only its colour, tells the status.
        words: the status in words.
        does: the same as what the job does or did, to follow its name.
        advises: whether its ``error_message`` is advice, not a failure.
        ended: whether the job will not change any more.
        failed: whether it ended by a fault, which its last log lines may show.
    """

    mark: str
    words: str
    does: str
    advises: bool = False
    ended: bool = False
    failed: bool = False


_STATUSES = {
    "PENDING": Status(
        "⏳", "Waiting for GPU capacity", "is waiting for GPU capacity", advises=True
    ),
    "CREATED": Status("⏳", "Created, not started", "is waiting to start"),
    "QUEUED": Status("⏳", "Queued", "is queued"),
    "DEPLOYING": Status("🚀", "Deploying", "is deploying"),
    "RUNNING": Status("▶️", "Running", "is running"),
    "COMPLETED": Status("✅", "Completed", "completed", ended=True),
    "FAILED": Status("❌", "Failed", "failed", ended=True, failed=True),
    "DEPLOY_FAILED": Status("❌", "Failed to deploy", "failed to deploy", ended=True, failed=True),
    "STOPPED": Status("⏹️", "Stopped by a user", "was stopped by a user", ended=True),
    "PREEMPTED": Status(
        "⏏️", "Preempted: its spot capacity was taken back", "was preempted", ended=True
    ),
}
_SYNCS = {"SYNCING": "Being synced", "COMPLETED": "Synced"}


def status(job: TrainingJob) -> Status:
    """Read a job's status; one we do not know is shown in its own words, and is no end."""
    name = job.current_status.removeprefix(_PREFIX)
    if (known := _STATUSES.get(name)) is not None:
        return known
    words = _words(name) or "Unknown"
    return Status("❔", words, f"has the status {words}")


def checkpoints(job: TrainingJob) -> str:
    """Say how far its checkpoints are synced; empty when that is not known."""
    name = job.checkpoint_sync_status or ""
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


def error_section(job: TrainingJob) -> SectionBlock | None:
    """Show the job's error, or the advice that stands in its place while the job waits."""
    said = (job.error_message or "").strip()
    if not said:
        return None
    lead = "Baseten's advice" if status(job).advises else "Error"
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
