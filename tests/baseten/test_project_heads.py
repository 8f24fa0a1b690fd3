"""The heads of projects: a model only for a job that a list of current jobs needs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.baseten.project_heads import ProjectHead, heads_since
from tests.views.test_project import job

SINCE = datetime(2026, 11, 20, tzinfo=UTC)
READ = heads_since(SINCE)


def project(**changes: Any) -> dict[str, Any]:
    return {"id": "p1", "name": "sft", "team_name": "Research", "latest_job": None} | changes


def made(status: str, updated_at: str) -> dict[str, Any]:
    return job(current_status=f"TRAINING_JOB_{status}", updated_at=updated_at)


@pytest.mark.parametrize(
    ("status", "updated_at", "kept"),
    [
        ("RUNNING", "2026-01-01T00:00:00Z", True),
        ("QUEUED", "2026-01-01T00:00:00Z", True),
        ("COMPLETED", "2026-11-20T00:00:00Z", True),
        ("COMPLETED", "2026-11-20T01:00:00+02:00", False),
        ("COMPLETED", "2026-11-19T23:59:59.999999Z", False),
        ("COMPLETED", "2026-11-20T00:00:00", True),  # no offset means UTC
        ("COMPLETED", "2026-11-19T23:00:00", False),
        ("WARMING_UP", "2026-11-20T14:00:00Z", True),
        ("WARMING_UP", "2026-11-19T14:00:00Z", False),
        ("RUNNING", "yesterday", False),
        ("COMPLETED", "yesterday", False),
    ],
)
def test_a_job_that_has_not_ended_or_has_changed_lately_is_kept(
    status: str, updated_at: str, *, kept: bool
) -> None:
    head = READ(project(latest_job=made(status, updated_at)))
    assert (head.latest_job is not None) is kept
    assert (head.id, head.name, head.team_name) == ("p1", "sft", "Research")


@pytest.mark.parametrize("job", [None, [], "x", {}, {"id": 5, "updated_at": None}])
def test_a_broken_job_does_not_hide_its_project(job: object) -> None:
    assert READ(project(latest_job=job)) == ProjectHead("p1", "sft", "Research")


def test_a_project_without_a_team_has_an_empty_one() -> None:
    assert READ({"id": "p1", "name": "sft"}).team_name == ""
    assert READ(project(team_name=None)).team_name == ""


@pytest.mark.parametrize("said", [None, [], {}, {"id": "p1"}, {"id": 5, "name": "x"}])
def test_what_is_no_project_is_refused(said: object) -> None:
    with pytest.raises(ValueError, match=r".*"):
        READ(said)


def test_the_window_moves_with_its_time() -> None:
    ended = project(latest_job=made("FAILED", "2026-11-20T12:00:00Z"))
    assert heads_since(SINCE + timedelta(days=1))(ended).latest_job is None
