"""The changes of a job that the API makes: stop, recreate, and the update of a pending job."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.sandbox.baseten.training import ENDED, Job, Training


def stop(training: Training, job: Job) -> None:
    """Stop a job, which ends a moment later, as its next reads show.

    Raises:
        ValueError: the job has ended.
    """
    if job.current_status in ENDED:
        ended = "Training job is not running"
        raise ValueError(ended)
    training.plan(job.id, [(training.stops_after, {"status": "TRAINING_JOB_STOPPED"})])


def recreate(training: Training, job: Job) -> Job:
    """Start a new job with the same configuration, and return it."""
    now = training.now()
    new = replace(
        job,
        id=training.new_id(),
        created_at=now,
        updated_at=now,
        current_status="TRAINING_JOB_PENDING",
        error_message=None,
        checkpoint_sync_status=None,
    )
    training.start(new)
    return new


def update(training: Training, job: Job, changes: Mapping[str, Any]) -> None:
    """Change the availability model or the priority of a pending job.

    Raises:
        ValueError: the job is not pending, or the API takes no such change.
    """
    if job.current_status != "TRAINING_JOB_PENDING":
        started = "Only a pending training job can be updated"
        raise ValueError(started)
    valid = {
        "availability_model": changes.get("availability_model") in {"dedicated", "spot"},
        "priority": type(changes.get("priority")) is int,
    }
    if not changes or not all(valid.get(name, False) for name in changes):
        unknown = "body: Input should be an availability_model or a priority"
        raise ValueError(unknown)
    training.change(job.id, changes, training.now())
