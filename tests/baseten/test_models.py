"""Answers of old, new and careless servers are read."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.baseten.measures import Capacities
from bot.baseten.models import (
    LogLine,
    Logs,
    OneTrainingProject,
    Team,
    Teams,
    TrainingJob,
    TrainingProject,
    User,
)
from bot.views.text import date

OLD_JOB: dict[str, Any] = {
    "id": "wlyx6nq",
    "created_at": "2026-11-23T17:10:00Z",
    "updated_at": "2026-11-23T17:11:00Z",
    "current_status": "TRAINING_JOB_RUNNING",
    "error_message": None,
    "instance_type": {
        "id": "it1",
        "name": "H100:8",
        "memory_limit_mib": 1000,
        "millicpu_limit": 1000,
        "gpu_count": 8,
        "gpu_type": "H100",
        "gpu_memory_limit_mib": 80000,
    },
    "training_project_id": "yqvj7q3",
    "training_project": {"id": "yqvj7q3", "name": "demo/qwen3-0.6b"},
}
NEW_JOB = OLD_JOB | {
    "name": "first try",
    "node_count": 2,
    "checkpoint_sync_status": "SYNCED",
    "priority": 3,
    "availability_model": "SPOT",
    "user": {"email": "ada@example.com", "new_field": {}},
    "something_new": [{}],
}
PROJECT: dict[str, Any] = {
    "id": "yqvj7q3",
    "name": "demo/qwen3-0.6b",
    "created_at": "2026-11-23T17:10:00Z",
    "updated_at": "2026-11-23T17:11:00Z",
}


def job(**changed: Any) -> TrainingJob:
    return TrainingJob.model_validate_json(json.dumps(OLD_JOB | changed))


def project(**changed: Any) -> TrainingProject:
    return TrainingProject.model_validate_json(json.dumps(PROJECT | changed))


def test_a_job_of_an_older_server_has_defaults_for_what_it_lacks() -> None:
    read = job()
    assert (read.node_count, read.total_gpus) == (1, 8)
    assert (read.name, read.user, read.availability_model) == (None, None, None)
    assert read.error_message is None


def test_a_job_of_a_newer_server_tells_more() -> None:
    read = TrainingJob.model_validate(NEW_JOB)
    assert (read.name, read.node_count, read.availability_model) == ("first try", 2, "SPOT")
    assert read.user
    assert read.user.email == "ada@example.com"
    assert read.total_gpus == 16


@pytest.mark.parametrize(
    "field",
    [
        "error_message",
        "instance_type",
        "name",
        "node_count",
        "checkpoint_sync_status",
        "priority",
        "availability_model",
        "user",
    ],
)
def test_null_and_missing_say_the_same_of_a_job(field: str) -> None:
    without = {key: value for key, value in NEW_JOB.items() if key != field}
    assert TrainingJob.model_validate(NEW_JOB | {field: None}) == TrainingJob.model_validate(
        without
    )


@pytest.mark.parametrize("field", ["team_name", "latest_job"])
def test_null_and_missing_say_the_same_of_a_project(field: str) -> None:
    assert project(**{field: None}) == project()


@pytest.mark.parametrize("field", ["gpu_count", "gpu_type", "gpu_memory_limit_mib"])
def test_null_and_missing_say_the_same_of_a_machine(field: str) -> None:
    machine = OLD_JOB["instance_type"]
    without = {key: value for key, value in machine.items() if key != field}
    assert job(instance_type=machine | {field: None}) == job(instance_type=without)


@pytest.mark.parametrize(
    ("changed", "gpus"),
    [
        ({}, 8),
        ({"node_count": 3}, 24),
        ({"node_count": None}, 8),
        ({"instance_type": None, "node_count": 3}, 0),
        ({"instance_type": {"id": "cpu", "name": "CPU:4", "gpu_count": 0}}, 0),
        ({"instance_type": {"id": "cpu", "name": "CPU:4", "gpu_count": None}}, 0),
    ],
)
def test_total_gpus_are_those_of_all_nodes(changed: dict[str, Any], gpus: int) -> None:
    assert job(**changed).total_gpus == gpus


@pytest.mark.parametrize("odd", [7.5, "two", [], {}, {"id": 3}, True])
@pytest.mark.parametrize("field", ["error_message", "node_count", "user", "instance_type", "name"])
def test_an_optional_field_of_an_odd_type_does_not_hide_the_job(field: str, odd: object) -> None:
    read = project(latest_job=NEW_JOB | {field: odd}, team_name=[]).latest_job
    assert read is not None
    assert read.id == NEW_JOB["id"]


@pytest.mark.parametrize("odd", ["x", {}, {"id": "wlyx6nq"}, NEW_JOB | {"current_status": 5}])
def test_a_job_that_cannot_be_read_is_not_taken_for_no_job(odd: object) -> None:
    with pytest.raises(ValidationError):
        project(latest_job=odd)


@pytest.mark.parametrize("odd", ["x", {}, [], NEW_JOB | {"updated_at": None}])
def test_a_project_is_read_although_its_job_cannot_be(odd: object) -> None:
    said = {"training_project": PROJECT | {"latest_job": odd, "team_name": 7}}
    read = OneTrainingProject.model_validate_json(json.dumps(said)).training_project
    assert (read.id, read.latest_job, read.job_unreadable) == (PROJECT["id"], None, True)


@pytest.mark.parametrize("said", [PROJECT | {"id": 7, "latest_job": {}}, PROJECT | {"name": None}])
def test_an_answer_without_a_project_is_unreadable(said: object) -> None:
    with pytest.raises(ValidationError):
        OneTrainingProject.model_validate({"training_project": said})


@pytest.mark.parametrize("blank", ["", " ", " \n"])
def test_a_blank_address_is_none(blank: str) -> None:
    assert User(email=blank).email is None
    assert User(email=f"{blank}dana@example.com").email == "dana@example.com"


def test_a_team_that_cannot_be_read_hides_no_other() -> None:
    said = {"teams": [{"id": "a", "name": None}, None, {"id": "b", "name": "B", "default": "?"}]}
    assert Teams.model_validate(said).teams == [Team(id="b", name="B")]


def test_a_status_of_tomorrow_is_read_as_it_is() -> None:
    assert job(current_status="TRAINING_JOB_NEW").current_status == "TRAINING_JOB_NEW"


@pytest.mark.parametrize(
    ("written", "microsecond"),
    [
        ("2026-11-23T17:10:00Z", 0),
        ("2026-11-23T17:10:00z", 0),
        ("2026-11-23T17:10:00.5Z", 500_000),
        ("2026-11-23T17:10:00.123456789Z", 123_456),
        ("2026-11-23T17:10:00.123456789+0000", 123_456),
        ("2026-11-23T17:10:00+00:00", 0),
        ("2026-11-23T17:10:00+0000", 0),
        ("2026-11-23T22:40:00+0530", 0),
        ("2026-11-23T09:10:00.000-08:00", 0),
        ("2026-11-23T17:10:00", 0),
        ("2026-11-23T17:10:00.123456789", 123_456),
        ("2026-11-23 17:10:00", 0),
    ],
)
def test_a_moment_is_read_however_it_is_written(written: str, microsecond: int) -> None:
    moment = project(created_at=written).created_at
    assert moment == datetime(2026, 11, 23, 17, 10, 0, microsecond, tzinfo=UTC)
    assert moment.utcoffset() is not None


def test_a_moment_of_python_without_an_offset_is_utc_too() -> None:
    naive = datetime(2026, 11, 23, 17, 10)  # noqa: DTZ001 - the point
    assert TrainingProject.model_validate(PROJECT | {"created_at": naive}).created_at.tzinfo is UTC


@pytest.mark.parametrize("written", ["", "yesterday", None, True, [], "2026-13-01T00:00:00Z"])
def test_what_is_no_moment_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        project(created_at=written)


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_at_the_ends_of_time_can_be_shown(written: str) -> None:
    assert date(project(created_at=written).created_at).startswith("<!date^")


@pytest.mark.parametrize("field", ["id", "name", "created_at", "updated_at"])
def test_a_project_without_what_every_project_has_is_refused(field: str) -> None:
    for broken in ({key: PROJECT[key] for key in PROJECT if key != field}, PROJECT | {field: None}):
        with pytest.raises(ValidationError):
            TrainingProject.model_validate(broken)


def test_a_project_brings_its_latest_job() -> None:
    said = {"training_project": PROJECT | {"team_name": "research", "latest_job": NEW_JOB}}
    read = OneTrainingProject.model_validate_json(json.dumps(said)).training_project
    assert read.latest_job
    assert read.latest_job.updated_at - read.created_at == timedelta(minutes=1)
    assert read.team_name == "research"


@pytest.mark.parametrize("default", [{}, {"default": None}, {"default": False}])
def test_a_team_is_not_the_default_unless_it_says_so(default: dict[str, Any]) -> None:
    (team,) = Teams.model_validate({"teams": [{"id": "i", "name": "n"} | default]}).teams
    assert team.default is False


@pytest.mark.parametrize(
    ("changed", "project_id"),
    [
        ({}, "yqvj7q3"),
        ({"training_project_id": None}, "yqvj7q3"),
        ({"training_project_id": None, "training_project": {"name": "x"}}, None),
        ({"training_project_id": None, "training_project": None}, None),
        ({"training_project_id": None, "training_project": "yqvj7q3"}, None),
        ({"training_project": None}, "yqvj7q3"),
    ],
)
def test_a_job_knows_its_project_if_any_field_tells(
    changed: dict[str, Any], project_id: str | None
) -> None:
    assert job(**changed).training_project_id == project_id


def test_a_job_of_a_summary_alone_knows_its_project_and_keeps_it() -> None:
    told = {key: value for key, value in OLD_JOB.items() if key != "training_project_id"}
    read = TrainingJob.model_validate(told)
    assert read.training_project_id == "yqvj7q3"
    assert TrainingJob.model_validate_json(read.model_dump_json()) == read
    assert TrainingJob.model_validate(told | {"training_project": None}).training_project_id is None


@pytest.mark.parametrize("said", ["x", 7, [], None])
def test_what_is_no_job_is_refused(said: object) -> None:
    with pytest.raises(ValidationError):
        TrainingJob.model_validate(said)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1763647391482913000", datetime(2025, 11, 20, 14, 3, 11, 482913, tzinfo=UTC)),
        (1763647391482913000, datetime(2025, 11, 20, 14, 3, 11, 482913, tzinfo=UTC)),
        ("", None),
        (None, None),
        ("yesterday", None),
        ("9" * 40, None),
    ],
)
def test_a_line_has_the_time_it_was_logged_at_if_that_can_be_read(
    written: object, read: datetime | None
) -> None:
    assert LogLine.model_validate({"message": "x", "timestamp": written}).timestamp == read


def test_a_careless_answer_of_logs_is_read() -> None:
    said = {"logs": [{"message": None, "level": None, "replica": 1}, "a line", {}]}
    assert Logs.model_validate(said).logs == [LogLine(), LogLine()]
    assert Logs.model_validate({"logs": None}).logs == Logs.model_validate({}).logs == []
    line = LogLine(message="x", timestamp=datetime(2026, 1, 1, tzinfo=UTC))
    assert line.timestamp == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_careless_answer_of_capacities_is_read() -> None:
    said = [{"gpu_type": "H100", "limit": None}, None, {"usage_count": 8, "new": {}}]
    first, second = Capacities.model_validate({"gpu_capacities": said}).gpu_capacities
    assert (first.gpu_type, first.limit, first.usage_count) == ("H100", None, 0)
    assert (second.gpu_type, second.limit, second.usage_count) == ("", None, 8)


def test_answers_are_frozen() -> None:
    read = project()
    with pytest.raises(ValidationError, match="frozen"):
        read.name = "other"  # type: ignore[misc] # the point
