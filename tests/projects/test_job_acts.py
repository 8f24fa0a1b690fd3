"""The acts that a job's status allows, and the states that they lead to."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.baseten.models import TrainingJob
from bot.projects.job_acts import Act, can_act, has_effect, offered_acts

SINCE = datetime(2026, 11, 23, 17, 10, tzinfo=UTC)
STOP, AGAIN, SPOT, PRIORITY = Act
PENDING, RUNNING, STOPPED = (f"TRAINING_JOB_{one}" for one in ("PENDING", "RUNNING", "STOPPED"))
WAITS = {"availability_model": "DEDICATED", "error_message": "no capacity; try Spot"}


def job(status: str, **fields: Any) -> TrainingJob:
    return TrainingJob(id="j", created_at=SINCE, updated_at=SINCE, current_status=status, **fields)


@pytest.mark.parametrize(
    ("found", "possible", "offered"),
    [
        (job(PENDING), [STOP, PRIORITY], [STOP, PRIORITY]),
        (job(PENDING, availability_model="dedicated"), [STOP, SPOT, PRIORITY], [STOP, PRIORITY]),
        (job(PENDING, **WAITS), [STOP, SPOT, PRIORITY], [STOP, SPOT, PRIORITY]),
        (
            job(PENDING, **WAITS | {"availability_model": "SPOT"}),
            [STOP, PRIORITY],
            [STOP, PRIORITY],
        ),
        (job(RUNNING, **WAITS), [STOP], [STOP]),
        (job(STOPPED, **WAITS), [AGAIN], [AGAIN]),
    ],
)
def test_the_status_of_a_job_decides_about_the_acts(
    found: TrainingJob, possible: list[Act], offered: list[Act]
) -> None:
    assert [act for act in Act if can_act(act, found)] == possible
    assert offered_acts(found) == offered


@pytest.mark.parametrize(
    ("act", "found", "priority", "reached"),
    [
        (STOP, job(STOPPED), None, True),
        (STOP, job("TRAINING_JOB_COMPLETED"), None, False),
        (AGAIN, job(RUNNING), None, False),
        (SPOT, job(PENDING, availability_model="SPOT"), None, True),
        (SPOT, job(PENDING, availability_model="DEDICATED"), None, False),
        (SPOT, job(PENDING), None, False),
        (PRIORITY, job(PENDING, priority=7), 7, True),
        (PRIORITY, job(PENDING, priority=7), 8, False),
    ],
)
def test_a_job_shows_whether_an_act_has_had_its_effect(
    act: Act, found: TrainingJob, priority: int | None, *, reached: bool
) -> None:
    assert has_effect(act, found, priority) is reached
