"""Watches and jobs for the tests, as small as each needs them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.baseten.models import TrainingJob, TrainingProject
from bot.projects.creation import CreationOutcome
from bot.projects.message_state import MessageState
from bot.watches.model import Watch

BEGIN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PROJECT = "n4q95w5"


def after(seconds: float) -> datetime:
    """Return a time after the beginning of the test."""
    return BEGIN + timedelta(seconds=seconds)


def job(status: str = "RUNNING", at: float = 0, **changes: Any) -> TrainingJob:
    """Return a job of this status, changed `at` seconds after the beginning."""
    return TrainingJob.model_validate(
        {
            "id": "j0b0001",
            "name": "gpt-oss-job",
            "training_project_id": PROJECT,
            "created_at": BEGIN,
            "updated_at": after(at),
            "current_status": f"TRAINING_JOB_{status}",
        }
        | changes
    )


def project(latest_job: TrainingJob | None, **changes: Any) -> TrainingProject:
    """A project with this latest job."""
    return TrainingProject.model_validate(
        {
            "id": PROJECT,
            "name": "support-bot-sft",
            "created_at": BEGIN,
            "updated_at": BEGIN,
            "team_name": "Research",
            "latest_job": latest_job,
        }
        | changes
    )


def watch(latest_job: TrainingJob | None, **changes: Any) -> Watch:
    """A watch of a project with this latest job."""
    return Watch.model_validate(
        {
            "id": "0123456789abcdef0123456789abcdef",
            "channel_id": "C0SANDBOX1",
            "ts": "1700000000.000100",
            "thread_ts": "1700000000.000100",
            "watchers": ("U0SANDBOX1",),
            "message_state": MessageState(
                project_id=PROJECT, team="Research", outcome=CreationOutcome.EXISTED
            ),
            "project": project(latest_job),
            "started_at": BEGIN,
        }
        | changes
    )
