"""The preview of a link."""

from datetime import UTC, datetime

import pytest

from bot.baseten.models import TrainingProject
from bot.views.unfurl import unfurl_blocks
from tests.views.test_home import job

AT = datetime(2026, 11, 23, 17, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("job_id", "status", "buttons"),
    [("eiw8uo9", "RUNNING", 1), ("eiw8uo9", "FAILED", 0), ("x" * 25, "RUNNING", 0)],
)
def test_a_job_that_goes_on_can_be_watched(job_id: str, status: str, buttons: int) -> None:
    project = TrainingProject(
        id="n4q95w5",
        name="sft",
        created_at=AT,
        updated_at=AT,
        team_name="Research",
        latest_job=job(job_id, "sft", status),
    )
    blocks = unfurl_blocks(project, AT)
    assert len(blocks) == 1 + buttons
    assert ("<https://" in blocks[0]["text"]["text"]) is (len(job_id) < 25)


@pytest.mark.parametrize(("unreadable", "said"), [(False, "No job yet"), (True, "It has a job")])
def test_a_job_that_cannot_be_read_is_not_called_missing(*, unreadable: bool, said: str) -> None:
    project = TrainingProject(
        id="n4q95w5", name="sft", created_at=AT, updated_at=AT, job_unreadable=unreadable
    )
    (block,) = unfurl_blocks(project, AT)
    assert block["text"]["text"].startswith(f"📂 *sft*\n{said}")
