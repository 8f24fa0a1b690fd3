"""The answer as it is drawn, for every kind of project and job."""

import json
from typing import Any

import pytest

from bot.baseten.models import Team, TrainingProject
from bot.projects import Opened, Outcome
from bot.sandbox.block_kit import message_error
from bot.views.job import status
from bot.views.project import project_message
from tests.golden import assert_golden

TEAM = Team(id="wp7ndew", name="Research")
STATUSES = [
    "PENDING",
    "CREATED",
    "QUEUED",
    "DEPLOYING",
    "RUNNING",
    "COMPLETED",
    "FAILED",
    "DEPLOY_FAILED",
    "STOPPED",
    "PREEMPTED",
    "WARMING_UP",
]
HOSTILE = "<!channel> & *bold* `code` <https://evil.example|here> @everyone"
LONG = "<&>" * 2000


def job(**changes: Any) -> dict[str, Any]:
    """A job as the API answers it."""
    return {
        "id": "p7qr9qv",
        "created_at": "2026-11-20T14:03:11.482913Z",
        "updated_at": "2026-11-20T14:09:40.112004Z",
        "current_status": "TRAINING_JOB_RUNNING",
        "error_message": None,
        "instance_type": {
            "id": "4xH100",
            "name": "4xH100",
            "memory_limit_mib": 262144,
            "millicpu_limit": 26000,
            "gpu_count": 4,
            "gpu_type": "H100",
            "gpu_memory_limit_mib": 81920,
        },
        "training_project_id": "n4q95w5",
        "training_project": {"id": "n4q95w5", "name": "support-bot-sft"},
        "name": "gpt-oss-job",
        "node_count": 2,
        "availability_model": "DEDICATED",
        "user": {"email": "dana@example.com"},
    } | changes


def opened(
    latest_job: dict[str, Any] | None, outcome: Outcome = Outcome.EXISTED, **changes: Any
) -> Opened:
    """A project as the bot opened it."""
    project = {
        "id": "n4q95w5",
        "name": "support-bot-sft",
        "created_at": "2026-11-18T10:22:05.114Z",
        "updated_at": "2026-11-20T14:09:40.112004Z",
        "team_name": "Research",
        "latest_job": latest_job,
    } | changes
    return Opened(TrainingProject.model_validate(project), TEAM, outcome)


BARE_MACHINE = {"id": "1x2", "name": "1x2 - 1 vCPU, 2 GiB RAM", "gpu_count": 0, "gpu_type": None}
CASES = {
    "created": opened(None, Outcome.CREATED),
    "outcome_unknown": opened(None, Outcome.UNKNOWN),
    "no_job": opened(None),
    "no_team_name": opened(None, team_name=None),
    "pending_with_advice": opened(
        job(current_status="TRAINING_JOB_PENDING", error_message="Spot capacity is available.")
    ),
    "failed_with_error": opened(
        job(current_status="TRAINING_JOB_FAILED", error_message="CUDA out of memory\nat step 12")
    ),
    "nulls": opened(
        job(
            name=None,
            node_count=None,
            availability_model=None,
            user=None,
            instance_type=BARE_MACHINE,
        )
    ),
    "old_server": opened(
        {
            key: value
            for key, value in job().items()
            if key not in {"name", "node_count", "availability_model", "user"}
        }
    ),
    "hostile": opened(
        job(name=HOSTILE, error_message=HOSTILE, user={"email": HOSTILE}),
        name=HOSTILE,
        team_name=HOSTILE,
    ),
    "long": opened(
        job(
            name=LONG,
            error_message=LONG,
            user={"email": LONG},
            current_status=LONG,
            availability_model=LONG,
            instance_type={"id": "x", "name": LONG, "gpu_count": 8, "gpu_type": LONG},
        ),
        name=LONG,
        team_name=LONG,
    ),
    "long_no_job": opened(None, name=LONG, team_name=LONG),
    "long_lines": opened(job(error_message="\n" * 300 + "<\n" * 300)),
} | {
    f"status_{name.lower()}": opened(job(current_status=f"TRAINING_JOB_{name}"))
    for name in STATUSES
}


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_drawn_as_it_was_agreed(name: str) -> None:
    assert_golden(f"project/{name}", project_message(CASES[name], "U0SANDBOX1").payload())


@pytest.mark.parametrize("name", CASES)
def test_the_answer_keeps_slacks_limits(name: str) -> None:
    payload = project_message(CASES[name], "U0SANDBOX1").payload()
    assert message_error(payload["text"], payload["blocks"]) is None
    assert len(json.dumps(payload, ensure_ascii=False)) < 10_000


@pytest.mark.parametrize("name", ["hostile", "long"])
def test_nothing_that_was_written_elsewhere_is_markup_here(name: str) -> None:
    drawn = json.dumps(project_message(CASES[name], "U0SANDBOX1").payload())
    assert "<!channel" not in drawn
    assert "<https" not in drawn
    assert "<&" not in drawn


def test_what_would_expand_by_itself_is_verbatim() -> None:
    payload = project_message(CASES["hostile"], "U0SANDBOX1").payload()
    texts = [text for block in payload["blocks"] for text in _texts(block)]
    texts = [text for text in texts if "@everyone" in text["text"]]
    assert texts
    assert all(text.get("verbatim") for text in texts)


def _texts(block: dict[str, Any]) -> list[dict[str, Any]]:
    own = [block["text"]] if isinstance(block.get("text"), dict) else []
    return [*own, *block.get("fields", [])]


@pytest.mark.parametrize("name", STATUSES)
def test_each_status_has_a_mark_and_words(name: str) -> None:
    drawn = status(CASES[f"status_{name.lower()}"].project.latest_job)  # type: ignore[arg-type]
    assert drawn.mark
    assert "_" not in drawn.words
    assert drawn.ended == (name in {"COMPLETED", "FAILED", "DEPLOY_FAILED", "STOPPED", "PREEMPTED"})
