"""The acts on a job, and the data that their dialogs carry. Pure."""

from collections.abc import Collection, Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from bot.baseten.models import LIVE, TrainingJob
from bot.projects.message_state import MessageState

# The API has no limits for a priority. A person who types more digits than this made a mistake.
LOWEST_PRIORITY, HIGHEST_PRIORITY = -1000, 1000
_PENDING, _STOPPED = "TRAINING_JOB_PENDING", "TRAINING_JOB_STOPPED"


class Act(StrEnum):
    """An act on a job. All of them need the right to stop."""

    STOP = "stop"
    RUN_AGAIN = "run again"
    USE_SPOT = "use spot"
    SET_PRIORITY = "set priority"


class JobActions(BaseModel):
    """The job that a dialog is about, and the message that it was opened from.

    Attributes:
        project_id: the project of the job.
        job_id: the job.
        act: the act that the dialog asks about; None before the choice.
        newest: the project's newest job at that time, for *Run again*.
        channel_id: the channel of the message or of the list.
        ts: the message; empty for a list, which only one person sees.
        message_state: the state that the message carries; None for a list.
        thread_ts: the thread of the message; None outside of a thread.
        ephemeral_thread_ts: the same thread if it has a reply; see `ReplyTarget`.
        response_url: the response URL of the click that opened the dialog.
    """

    model_config = ConfigDict(frozen=True)

    project_id: str
    job_id: str
    act: Act | None = None
    newest: str = ""
    channel_id: str = ""
    ts: str = ""
    message_state: MessageState | None = None
    thread_ts: str | None = None
    ephemeral_thread_ts: str | None = None
    response_url: str | None = None


def has_ended(job: TrainingJob) -> bool:
    """Return whether a job's status does not change any more."""
    return job.current_status not in LIVE


def can_act(act: Act, job: TrainingJob) -> bool:
    """Return whether a job's status allows an act; Baseten changes only jobs that are pending."""
    pending = job.current_status == _PENDING
    match act:
        case Act.STOP:
            return not has_ended(job)
        case Act.RUN_AGAIN:
            return has_ended(job)
        case Act.USE_SPOT:
            return pending and (job.availability_model or "").lower() == "dedicated"
        case Act.SET_PRIORITY:
            return pending


def offered_acts(job: TrainingJob) -> list[Act]:
    """Return the acts to offer for a job. *Use spot* needs Baseten's advice besides its status."""
    advised = "spot" in (job.error_message or "").lower()
    return [act for act in Act if can_act(act, job) and (advised or act is not Act.USE_SPOT)]


def has_effect(act: Act, job: TrainingJob, priority: int | None) -> bool:
    """Return whether a job is in the state that an act leads to; never after *Run again*."""
    match act:
        case Act.STOP:
            return job.current_status == _STOPPED
        case Act.RUN_AGAIN:
            return False
        case Act.USE_SPOT:
            return (job.availability_model or "").lower() == "spot"
        case Act.SET_PRIORITY:
            return job.priority == priority


def changed_fields(act: Act, priority: int | None) -> dict[str, str | int]:
    """Return the fields of the request that changes a waiting job."""
    if act is Act.USE_SPOT:
        return {"availability_model": "spot"}
    return {"priority": priority or 0}


def new_job_like(
    old: TrainingJob | None, jobs: Sequence[TrainingJob], known: Collection[str]
) -> TrainingJob | None:
    """Return the one new job that is like the old one; None without one, or if there are two.

    Args:
        old: the job that was run again.
        jobs: the jobs of the project now.
        known: the ids of its jobs before.
    """
    new = [
        job
        for job in jobs
        if old is not None
        and job.id not in known
        and job.instance_type == old.instance_type
        and job.node_count == old.node_count
    ]
    named = [job for job in new if old is not None and job.name == old.name]
    found = named or new
    return found[0] if len(found) == 1 else None
