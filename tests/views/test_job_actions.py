"""The dialogs and the words about acts on jobs match their golden files and keep the limits."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.baseten.models import TrainingJob, TrainingProject
from bot.projects.acts_under_way import UnderWay
from bot.projects.job_acts import Act, JobActions, can_act, offered_acts
from bot.projects.job_choice import LONGEST_ID
from bot.projects.message_state import JobChoice
from bot.sandbox.slack.block_kit import view_problems
from bot.slack.message import Message
from bot.views.act_words import (
    ActEnd,
    act_report,
    act_wording,
    does_not_fit,
    looking_for_new_job,
    new_job_unknown,
    newer_job_exists,
    no_right_to_act,
    private_report,
    stopping,
    under_way,
)
from bot.views.failure import failure_message
from bot.views.installation import Installation
from bot.views.job_actions import (
    confirm_view,
    job_actions_view,
    notice_about_job,
    read_priority,
)
from bot.views.project import message_state_of
from tests.golden import assert_golden
from tests.views.drawn import texts
from tests.views.test_jobs import long_job
from tests.views.test_project import HOSTILE, LONG, opened, project
from tests.views.test_project import job as api_job

DANA, SAM = "U0DANA0001", "U0SAM00001"
ADVICE = "Spot capacity is available for this job."
STATE = JobActions(project_id="n4q95w5", job_id="p7qr9qv")


def job(status: str = "RUNNING", **changes: Any) -> TrainingJob:
    return TrainingJob.model_validate(api_job(current_status=f"TRAINING_JOB_{status}", **changes))


def of(text: str, team: str | None = "Research") -> TrainingProject:
    return TrainingProject.model_validate(project(None, name=text, team_name=team))


def long(text: str, status: str = "FAILED") -> TrainingJob:
    changes = long_job(text) | {"current_status": f"TRAINING_JOB_{status}", "error_message": text}
    return TrainingJob.model_validate(api_job(**changes | {"id": "p7qr9qv"}))


SFT, HERE = of("support-bot-sft"), Installation(contact="U0BOSS0001")
RUNNING, FAILED = job(), job("FAILED", error_message="CUDA out of memory", priority=3)
PENDING = job("PENDING", error_message=ADVICE, priority=-2)
VIEWS = {
    "choose_running": job_actions_view(SFT, RUNNING, STATE),
    "choose_failed": job_actions_view(SFT, FAILED, STATE),
    "choose_pending": job_actions_view(SFT, PENDING, STATE),
    "choose_hostile": job_actions_view(of(HOSTILE, HOSTILE), long(HOSTILE, "PENDING"), STATE),
    "no_right": notice_about_job(SFT, RUNNING, no_right_to_act("Research", DANA, HERE)),
    "confirm_stop": confirm_view(SFT, RUNNING, Act.STOP, STATE),
    "confirm_run_again": confirm_view(SFT, FAILED, Act.RUN_AGAIN, STATE),
    "confirm_use_spot": confirm_view(SFT, PENDING, Act.USE_SPOT, STATE),
    "confirm_set_priority": confirm_view(SFT, PENDING, Act.SET_PRIORITY, STATE),
    "confirm_hostile": confirm_view(of(HOSTILE, HOSTILE), long(HOSTILE), Act.RUN_AGAIN, STATE),
    "confirm_no_team": confirm_view(of("x", None), RUNNING, Act.STOP, STATE),
}
CHOICE = JobChoice(message_state=message_state_of(opened(None), DANA), job_id="n3wj0b1")


def ended(act: Act, after: TrainingJob, **changes: Any) -> ActEnd:
    return replace(ActEnd(act=act, project=SFT, job=after, by=DANA), **changes)


NEW = job("PENDING", id="n3wj0b1", error_message=None)
OTHER = UnderWay(
    task_id="act/1:V1", user_id=SAM, act=Act.STOP, at=datetime(2026, 11, 23, tzinfo=UTC)
)
MESSAGES = {
    "stopped": act_report(ended(Act.STOP, job("STOPPED")), CHOICE),
    "stopped_alone": private_report(ended(Act.STOP, job("STOPPED"))),
    "finished_first": act_report(ended(Act.STOP, job("COMPLETED")), None),
    "not_stopped": act_report(ended(Act.STOP, RUNNING, waited=187.0), None),
    "ran_again": act_report(ended(Act.RUN_AGAIN, FAILED, new_job=NEW), CHOICE),
    "ran_again_renamed": act_report(
        ended(Act.RUN_AGAIN, FAILED, new_job=job("DEPLOYING", name="gpt-oss-2")), CHOICE
    ),
    "ran_again_alone": private_report(ended(Act.RUN_AGAIN, FAILED, new_job=NEW)),
    "spot": act_report(ended(Act.USE_SPOT, PENDING), None),
    "priority": act_report(ended(Act.SET_PRIORITY, PENDING, priority=-2), None),
    "hostile": act_report(
        ended(Act.RUN_AGAIN, long(HOSTILE), project=of(HOSTILE), new_job=long(HOSTILE + "2")),
        CHOICE,
    ),
    "no_right": no_right_to_act("Research", DANA, HERE),
    "no_right_no_team": no_right_to_act("", DANA, HERE),
    "ended_already": does_not_fit(Act.STOP, SFT, job("COMPLETED")),
    "runs_already": does_not_fit(Act.RUN_AGAIN, SFT, RUNNING),
    "spot_already": does_not_fit(Act.USE_SPOT, SFT, job("PENDING", availability_model="spot")),
    "started_already": does_not_fit(Act.SET_PRIORITY, SFT, RUNNING),
    "newer_job": newer_job_exists(SFT, NEW),
    "under_way": under_way(OTHER),
    "looking": looking_for_new_job("gpt-oss-job"),
    "unknown": new_job_unknown(SFT, FAILED),
    "stopping": stopping("gpt-oss-job"),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_dialog_is_drawn_as_it_was_agreed(name: str) -> None:
    drawn = VIEWS[name].to_dict()
    assert view_problems(drawn) == []
    assert_golden(f"job_actions/{name}", drawn)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_drawn_as_it_was_agreed(name: str) -> None:
    assert_golden(f"acts/{name}", MESSAGES[name].payload())


def test_nothing_that_was_written_elsewhere_is_markup_here() -> None:
    shown = [VIEWS[name].to_dict()["blocks"] for name in ("choose_hostile", "confirm_hostile")]
    drawn = [Message("x", blocks) for blocks in shown]
    for text in [each for message in (*drawn, MESSAGES["hostile"]) for each in texts(message)]:
        assert "<!channel" not in text
        assert "<https://evil" not in text


@pytest.mark.parametrize("text", [LONG, "🚀" * 5000, "&" * 5000, "א" * 5000, "`\n" * 2000])
@pytest.mark.parametrize("status", ["RUNNING", "FAILED", "PENDING"])
def test_long_names_keep_slacks_limits(text: str, status: str) -> None:
    named, one = of(text, text), long(text, status)
    for view in [
        job_actions_view(named, one, STATE),
        notice_about_job(named, one, no_right_to_act(text, DANA, HERE)),
        *(confirm_view(named, one, act, STATE) for act in Act),
    ]:
        assert view_problems(view.to_dict()) == []
    many: list[Message] = [
        *(act_report(ended(act, one, project=named, new_job=one), CHOICE) for act in Act),
        *(private_report(ended(act, one, project=named, new_job=one)) for act in Act),
        *(does_not_fit(act, named, one) for act in Act),
        newer_job_exists(named, one),
        new_job_unknown(named, one),
        looking_for_new_job(text),
    ]
    for message in many:
        assert len(message.text) < 4000
        assert len(json.dumps(message.payload())) < 10_000


@pytest.mark.parametrize("text", ['"' * 500, "\\" * 500, "日" * 500, "🚀" * 500, "\x01" * 500])
def test_a_dialog_carries_the_state_of_any_message(text: str) -> None:
    case = opened(None, also_in=(text, text, text), team_name=text)
    state = JobActions(
        project_id="p" * LONGEST_ID,
        job_id="j" * LONGEST_ID,
        act=Act.SET_PRIORITY,
        newest="n" * LONGEST_ID,
        channel_id="C0SANDBOX1",
        ts="1795453800.000100",
        message_state=message_state_of(case, DANA, text),
        thread_ts="1795453800.000100",
        ephemeral_thread_ts="1795453800.000100",
        response_url=f"https://hooks.slack.com/actions/{'T' * 200}",
    )
    carried = confirm_view(SFT, RUNNING, Act.STOP, state).private_metadata or ""
    assert len(carried) <= 3000
    assert JobActions.model_validate_json(carried) == state


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("sent", [False, True])
def test_a_failure_says_whether_anything_was_done(act: Act, *, sent: bool) -> None:
    text = failure_message(OSError(), act_wording(act, sent=sent), "0a1b2c3d", HERE).text
    assert ("may or may not" in text) == sent
    assert ("Nothing was" in text) != sent


def test_every_offered_act_can_be_done() -> None:
    for status in ("PENDING", "CREATED", "QUEUED", "DEPLOYING", "RUNNING", "COMPLETED", "ODD"):
        for model in ("dedicated", "SPOT", None):
            one = job(status, availability_model=model, error_message=ADVICE)
            assert all(can_act(act, one) for act in offered_acts(one))
            assert offered_acts(one)


@pytest.mark.parametrize(
    ("typed", "number"),
    [("7", 7), ("-5", -5), (" 3 ", 3), ("1000", 1000), ("1001", None), ("", None), ("x", None)],
)
def test_a_priority_is_read(typed: str, number: int | None) -> None:
    assert read_priority(typed) == number
