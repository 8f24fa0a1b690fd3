"""The list of a project's jobs matches its golden files."""

import json
from typing import Any

import pytest

from bot.baseten.models import ProjectJobs
from bot.sandbox.slack.block_kit import message_error
from bot.views.jobs import jobs_message
from tests.golden import assert_golden
from tests.views.test_project import BARE_MACHINE, HOSTILE, LONG, STATUSES, job, project


def listed(*jobs: dict[str, Any], **changes: Any) -> ProjectJobs:
    """Return a project and its jobs, as the API returns them."""
    return ProjectJobs.model_validate(
        {"training_project": project(None, **changes), "training_jobs": list(jobs)}
    )


def long_job(text: str) -> dict[str, Any]:
    return job(
        name=text,
        error_message=text,
        current_status=text,
        availability_model=text,
        instance_type={"id": "x", "name": text, "gpu_count": 8, "gpu_type": text},
    )


CASES = {
    "none": listed(),
    "one": listed(job()),
    "each_status": listed(
        *(job(current_status=f"TRAINING_JOB_{name}", name=name.lower()) for name in STATUSES[:10])
    ),
    "twelve": listed(*(job(id=f"job{number:04}", name=f"run-{number}") for number in range(12))),
    "nulls": listed(
        job(name=None, node_count=None, availability_model=None, instance_type=BARE_MACHINE),
        job(name=None, instance_type=None),
    ),
    "hostile": listed(
        job(name=HOSTILE, error_message=HOSTILE, current_status=HOSTILE, id=HOSTILE), name=HOSTILE
    ),
    "long_names": listed(*[job(name=LONG)] * 10, name=LONG),
}


@pytest.mark.parametrize("name", CASES)
def test_the_jobs_are_drawn_as_it_was_agreed(name: str) -> None:
    assert_golden(f"jobs/{name}", jobs_message(CASES[name]).payload())


@pytest.mark.parametrize("name", CASES)
def test_the_jobs_keep_slacks_limits(name: str) -> None:
    payload = jobs_message(CASES[name]).payload()
    assert message_error(payload["text"], payload["blocks"]) is None
    assert len(json.dumps(payload, ensure_ascii=False)) < 10_000


@pytest.mark.parametrize("text", ["<&>" * 2000, "&" * 5000, "日" * 5000, "🚀" * 5000])
def test_ten_jobs_with_everything_long_keep_slacks_limits(text: str) -> None:
    payload = jobs_message(listed(*[long_job(text)] * 10, name=text)).payload()
    assert message_error(payload["text"], payload["blocks"]) is None
    assert len(json.dumps(payload, ensure_ascii=False)) < 10_000


def test_no_more_than_ten_are_drawn() -> None:
    drawn = str(jobs_message(CASES["twelve"]).payload())
    assert "run-9" in drawn
    assert "run-10" not in drawn


@pytest.mark.parametrize("name", ["hostile", "long_names"])
def test_nothing_that_was_written_elsewhere_is_markup_here(name: str) -> None:
    drawn = json.dumps(jobs_message(CASES[name]).payload())
    assert "<!channel" not in drawn
    assert "<https://evil" not in drawn
    assert "<&" not in drawn


def test_the_machines_of_several_nodes_are_not_cut() -> None:
    drawn = str(jobs_message(listed(job(node_count=16))).payload())
    assert "4xH100 on 16 nodes (64 GPUs), dedicated · " in drawn


def test_a_screen_reader_hears_of_each_job_that_is_drawn() -> None:
    said = jobs_message(CASES["each_status"]).text
    assert [line.split(": ")[0] for line in said.split("\n")[1:]] == [
        name.lower() for name in STATUSES[:10]
    ]
