"""A training job in words: its status with a mark, its machines, who and when."""

from dataclasses import dataclass
from urllib.parse import quote as percent

from slack_sdk.models.blocks import SectionBlock

from bot.baseten.models import TrainingJob
from bot.views.blocks import section
from bot.views.text import quote

_PREFIX = "TRAINING_JOB_"


@dataclass(frozen=True, slots=True)
class Status:
    """A status as people read it.

    Attributes:
        mark: an emoji whose shape, not only its colour, tells the status.
        words: the status in words.
        advises: whether its ``error_message`` is advice, not a failure.
        ended: whether the job will not change any more.
    """

    mark: str
    words: str
    advises: bool = False
    ended: bool = False


_STATUSES = {
    "PENDING": Status("⏳", "Waiting for GPU capacity", advises=True),
    "CREATED": Status("⏳", "Created, not started"),
    "QUEUED": Status("⏳", "Queued"),
    "DEPLOYING": Status("🚀", "Deploying"),
    "RUNNING": Status("▶️", "Running"),
    "COMPLETED": Status("✅", "Completed", ended=True),
    "FAILED": Status("❌", "Failed", ended=True),
    "DEPLOY_FAILED": Status("❌", "Failed to deploy", ended=True),
    "STOPPED": Status("⏹️", "Stopped by a user", ended=True),
    "PREEMPTED": Status("⏏️", "Preempted: its spot capacity was taken back", ended=True),
}


def status(job: TrainingJob) -> Status:
    """Read a job's status; one we do not know is shown in its own words, and is no end."""
    name = job.current_status.removeprefix(_PREFIX)
    return _STATUSES.get(name) or Status("❔", name.replace("_", " ").capitalize() or "Unknown")


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
