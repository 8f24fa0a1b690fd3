"""The words for a training job: its status with an emoji, its machines, and its error."""

import shlex
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote as percent

from bot.baseten.models import TrainingJob
from bot.projects.request import is_blank
from bot.slack.message import Block
from bot.views.blocks import section
from bot.views.text import bold, code, quote, say, to_copy

_PREFIX = "TRAINING_JOB_"


class Stage(StrEnum):
    """The progress of a job. Several statuses can belong to one stage."""

    WAITING = "waiting"
    DEPLOYING = "deploying"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Status:
    """A job's status for people.

    Attributes:
        mark: an emoji that shows the status by its shape, not only by its color.
        words: the status in words.
        does: the status as a verb that follows the job's name, such as "is running".
        stage: the stage of the job.
        advises: whether the job's ``error_message`` is advice and not a failure.
        failed: whether an error ended the job, so its last log lines might show the cause.
    """

    mark: str
    words: str
    does: str
    stage: Stage
    advises: bool = False
    failed: bool = False

    @property
    def ended(self) -> bool:
        """Whether the job has ended. Its status does not change any more."""
        return self.stage is Stage.ENDED


_INFO = "\N{INFORMATION SOURCE}\N{VARIATION SELECTOR-16}"
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
    "COMPLETED": Status("✅", "Completed", "finished", Stage.ENDED),
    "FAILED": Status("❌", "Failed", "failed", Stage.ENDED, failed=True),
    "DEPLOY_FAILED": Status("❌", "Failed to deploy", "failed to deploy", Stage.ENDED, failed=True),
    "STOPPED": Status("⏹️", "Stopped", "was stopped", Stage.ENDED),
    "PREEMPTED": Status(
        "⚠️", "Preempted (spot capacity was reclaimed)", "was preempted", Stage.ENDED
    ),
    "EXPIRED": Status(_INFO, "Expired", "expired", Stage.ENDED),
    "CANCELED": Status(_INFO, "Canceled", "was canceled", Stage.ENDED),
}
_SYNCING = "SYNCING"
_SYNCS = {_SYNCING: "Syncing", "COMPLETED": "Synced"}


def status(job: TrainingJob) -> Status:
    """Return a job's status.

    Only the five statuses of a job that waits or runs are no end. Any other one, also an unknown
    one, is an end, as for the official CLI; an unknown one is shown in the API's words.
    """
    name = job.current_status.removeprefix(_PREFIX)
    if (known := _STATUSES.get(name)) is not None:
        return known
    words = _words(name) or "Unknown"
    return Status(_INFO, words, f"ended with the status “{words}”", Stage.ENDED)


def checkpoints(job: TrainingJob) -> str:
    """Return the state of the job's checkpoints in words; empty if unknown.

    The bot stops polling a job that has ended. The message of such a job therefore omits
    "Syncing", which would become false later.
    """
    name = job.checkpoint_sync_status or ""
    if name == _SYNCING and status(job).ended:
        return ""
    return _SYNCS.get(name) or _words(name)


def does(job: TrainingJob) -> str:
    """Return the job's name and its status as a verb, as in ``*gpt-oss-job* is running``."""
    return f"{bold(job_name(job))} {say(status(job).does)}"


def still_does(job: TrainingJob) -> str:
    """Return the status of a job that goes on, as in ``is still running``."""
    now = say(status(job).does)
    return f"is still {now[3:]}" if now.startswith("is ") else now


def job_name(job: TrainingJob) -> str:
    """Return the job's name; its id if it has no name that a reader sees."""
    return job.name if job.name and not is_blank(job.name) else job.id


def logs_url(project_id: str, job_id: str) -> str:
    """Return the address of the job's logs in Baseten's web application."""
    project, job = percent(project_id, safe=""), percent(job_id, safe="")
    return f"https://app.baseten.co/training/{project}/logs/{job}"


def error_section(job: TrainingJob) -> Block | None:
    """Return a section with the job's error or with Baseten's advice; None if it has neither."""
    said = (job.error_message or "").strip()
    if not said:
        return None
    now = status(job)
    lead = "Error" if now.failed else "Baseten's advice" if now.advises else "Baseten says"
    return section(f"*{lead}*\n{quote(said)}")


def error_quote(job: TrainingJob, most: int = 280) -> str:
    """Return the job's error as a quote of up to three lines; empty without one.

    Baseten's advice is not an error, so a line above the quote names it.
    """
    said = (job.error_message or "").strip()
    if not said:
        return ""
    now, quoted = status(job), quote(said, most, lines=3)
    lead = "" if now.failed else "Baseten's advice:\n" if now.advises else "Baseten says:\n"
    return f"{lead}{quoted}"


def machines(job: TrainingJob) -> str:
    """Return the job's machines, as in ``4xH100 on 2 nodes (8 GPUs), dedicated``."""
    machine = job.instance_type
    said = machine.name if machine else "Unknown machine"
    if job.node_count > 1:
        said += f" on {job.node_count} nodes"
    if job.total_gpus > 0:
        kind = f"{machine.gpu_type} " if machine and (machine.gpu_type or "") not in said else ""
        said += f" ({job.total_gpus} {kind}GPU{'s' if job.total_gpus > 1 else ''})"
    return f"{said}, {job.availability_model.lower()}" if job.availability_model else said


def _words(name: str) -> str:
    """Return a name of the API as words."""
    return name.replace("_", " ").strip().capitalize()


def push_command(team: str | None) -> str:
    """Return the command that starts a job, with the name of its team.

    https://docs.baseten.co/reference/cli/training/training-cli
    """
    push = "truss train push config.py"
    if not team:
        return code(push)
    whole = to_copy(f"{push} --team {shlex.quote(team)}", 250)
    return whole or f"{code(f'{push} --team')} with the name of the team"
