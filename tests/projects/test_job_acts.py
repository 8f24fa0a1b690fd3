"""The acts that a job's status allows, and the states that they lead to."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.baseten.models import TrainingJob
from bot.projects.job_acts import Act, can_act, has_effect, new_job_like, offered_acts

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


@pytest.mark.parametrize(
    ("jobs", "found"),
    [
        ([("old", "sft", 1)], None),
        ([("old", "sft", 1), ("new", "sft", 1)], "new"),
        ([("new", "renamed", 1)], "new"),
        ([("new", "sft", 2)], None),
        ([("one", "sft", 1), ("two", "other", 1)], "one"),
        ([("one", "sft", 1), ("two", "sft", 1)], None),
        ([("one", "other", 1), ("two", "other", 1)], None),
    ],
)
def test_the_one_new_job_that_is_like_the_old_one_is_found(
    jobs: list[tuple[str, str, int]], found: str | None
) -> None:
    old = job(STOPPED, name="sft", node_count=1)
    now = [
        job(PENDING, name=name, node_count=nodes).model_copy(update={"id": job_id})
        for job_id, name, nodes in jobs
    ]
    new = new_job_like(old, now, {"old"})
    assert (new.id if new else None) == found
