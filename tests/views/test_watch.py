"""The replies about a watched job match their golden files."""

import json
from typing import Any

import pytest

from bot.baseten.models import GpuCapacity, TrainingJob, TrainingProject
from bot.sandbox.slack.block_kit import message_error
from bot.slack.message import Message
from bot.views.installation import Installation
from bot.views.watch import (
    MOST_LINES,
    ended_message,
    expired_message,
    farewell_message,
    first_job_message,
    gone_message,
    log_lines,
    lost_message,
    moved_message,
    taken_over_message,
    waiting_message,
)
from tests.golden import assert_golden
from tests.views.test_project import HOSTILE, LONG, SINCE, job, project

INSTALLATION = Installation()
PROJECT = "n4q95w5"
DANA = ("U0DANA0001",)
MANY = tuple(f"U0WATCHER{number:02}" for number in range(60))
TRACEBACK = [
    "step 118/2000 loss=1.92",
    "Traceback (most recent call last):",
    '  File "/app/train.py", line 88, in <module>',
    "    trainer.train()",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB.",
]


def a_job(status: str = "RUNNING", **changes: Any) -> TrainingJob:
    return TrainingJob.model_validate(job(current_status=f"TRAINING_JOB_{status}", **changes))


def a_project(latest_job: dict[str, Any] | None = None, **changes: Any) -> TrainingProject:
    return TrainingProject.model_validate(project(latest_job, **changes))


def ended(status: str, ran: float | None = 7500, **changes: Any) -> Message:
    return ended_message(a_project(), a_job(status, **changes), ran, DANA)


def failed(logs: list[str] | None, **changes: Any) -> Message:
    return ended_message(a_project(), a_job("FAILED", **changes), 7500, DANA, logs)


NEW = a_job("PENDING", id="q8rs0rw", name="second-try")
HUNDREDS = ["&" * 100 for _ in range(100)]
LONG_JOB: dict[str, Any] = {
    "name": LONG,
    "error_message": LONG,
    "availability_model": LONG,
    "instance_type": {"id": "x", "name": LONG, "gpu_count": 8, "gpu_type": LONG},
}
WRITTEN_ELSEWHERE = {
    "hostile_moved": moved_message(PROJECT, a_job(name=HOSTILE, error_message=HOSTILE), again=True),
    "hostile_logs": failed([HOSTILE, "```", "`rm`"], name=HOSTILE, error_message=HOSTILE),
    "hostile_status": moved_message(PROJECT, a_job(HOSTILE), again=False),
    "hostile_farewell": farewell_message(
        a_project(job(name=HOSTILE), name=HOSTILE), HOSTILE, "C0SANDBOX1", HOSTILE, INSTALLATION
    ),
    "hostile_lost": lost_message(a_project(name=HOSTILE), a_job(HOSTILE, name=HOSTILE), DANA),
    "hostile_gone": gone_message(a_project(job(name=HOSTILE), name=HOSTILE), DANA),
    "long_moved": moved_message(PROJECT, a_job(**LONG_JOB), again=True),
    "long_ended": ended_message(a_project(), a_job("FAILED", **LONG_JOB), 1e9, MANY, HUNDREDS),
    "long_line": failed([LONG]),
    "long_taken_over": taken_over_message(
        PROJECT, a_job(**LONG_JOB), a_job(LONG, **LONG_JOB), seen=True
    ),
    "long_waiting": waiting_message(
        PROJECT, a_job("PENDING", **LONG_JOB), SINCE, GpuCapacity(gpu_type=LONG, limit=9)
    ),
    "long_farewell": farewell_message(
        a_project(job(name=LONG), name=LONG), LONG, "C1", LONG, INSTALLATION
    ),
    "long_lost": lost_message(a_project(name=LONG), a_job(LONG, **LONG_JOB), MANY),
    "long_gone": gone_message(a_project(job(name=LONG), name=LONG), MANY),
}
MESSAGES = {
    "deploying": moved_message(PROJECT, a_job("DEPLOYING"), again=False),
    "running": moved_message(PROJECT, a_job(), again=False),
    "queued_again": moved_message(
        PROJECT, a_job("PENDING", error_message="Spot capacity is available."), again=True
    ),
    "unknown_status": moved_message(PROJECT, a_job("WARMING_UP"), again=False),
    "completed": ended("COMPLETED"),
    "completed_start_not_seen": ended("COMPLETED", None),
    "failed": failed(TRACEBACK, error_message="The training process ended with exit code 1."),
    "failed_logs_not_read": failed(None),
    "failed_without_logs": failed([]),
    "failed_to_deploy": ended("DEPLOY_FAILED", None, error_message="No such image."),
    "stopped": ended("STOPPED"),
    "preempted": ended("PREEMPTED"),
    "ended_watched_by_many": ended_message(a_project(), a_job("COMPLETED"), 59.6, MANY),
    "ended_watched_by_nobody": ended_message(a_project(), a_job("COMPLETED"), 7500, ()),
    "waiting": waiting_message(
        PROJECT,
        a_job("PENDING", error_message="Spot capacity is available for this job."),
        SINCE,
        GpuCapacity(gpu_type="H100", limit=64, usage_count=56),
    ),
    "waiting_without_advice": waiting_message(PROJECT, a_job("QUEUED"), SINCE, None),
    "waiting_without_a_limit": waiting_message(
        PROJECT, a_job("PENDING"), SINCE, GpuCapacity(gpu_type="H100", usage_count=56)
    ),
    "taken_over": taken_over_message(PROJECT, a_job(), NEW, seen=True),
    "taken_over_ended": taken_over_message(PROJECT, a_job("STOPPED"), NEW, seen=True),
    "taken_over_not_seen": taken_over_message(PROJECT, a_job(), NEW, seen=False),
    "taken_over_not_seen_by_one_that_has_ended": taken_over_message(
        PROJECT, a_job(), a_job("FAILED", id="q8rs0rw", name="second-try"), seen=False
    ),
    "first_job": first_job_message(PROJECT, NEW),
    "waiting_with_an_unknown_capacity": waiting_message(
        PROJECT, a_job("PENDING"), SINCE, GpuCapacity(gpu_type="H100")
    ),
    "expired": expired_message(a_project(job()), 14, DANA, message_updated=True),
    "expired_not_drawn": expired_message(a_project(job()), 14, DANA, message_updated=False),
    "expired_without_a_job": expired_message(a_project(), 14, DANA, message_updated=True),
    "lost": lost_message(a_project(), a_job(), DANA),
    "gone": gone_message(a_project(job()), DANA),
    "gone_without_a_job": gone_message(a_project(), ()),
} | {
    f"farewell_{why}": farewell_message(
        a_project(job()), "Research", "C0SANDBOX1", why, INSTALLATION
    )
    for why in (
        "message_not_found",
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "edit_window_closed",
    )
}
MESSAGES |= {
    "farewell_to_a_thread": farewell_message(
        a_project(job()),
        "Research",
        "C0SANDBOX1",
        "restricted_action",
        INSTALLATION,
        unanswerable=True,
    ),
    "farewell_after_a_fault": farewell_message(
        a_project(job()), "Research", "C0SANDBOX1", "", INSTALLATION
    ),
}
ALL = MESSAGES | WRITTEN_ELSEWHERE


@pytest.mark.parametrize("name", ALL)
def test_a_reply_is_drawn_as_it_was_agreed(name: str) -> None:
    assert_golden(f"watch/{name}", ALL[name].payload())


@pytest.mark.parametrize("name", ALL)
def test_a_reply_keeps_slacks_limits(name: str) -> None:
    payload = ALL[name].payload()
    assert message_error(payload["text"], payload["blocks"]) is None
    assert len(json.dumps(payload["blocks"], ensure_ascii=False)) < 10_000
    assert len(payload["text"]) < 10_000


@pytest.mark.parametrize("name", ALL)
def test_the_text_says_the_same_as_the_blocks(name: str) -> None:
    payload = ALL[name].payload()
    for block in payload["blocks"]:
        for part in [block["text"]] if "text" in block else block["elements"]:
            assert part["text"] in payload["text"]


@pytest.mark.parametrize("name", WRITTEN_ELSEWHERE)
def test_nothing_that_was_written_elsewhere_is_markup_here(name: str) -> None:
    drawn = json.dumps(ALL[name].payload())
    assert "<!channel" not in drawn
    assert "<https://evil" not in drawn
    assert "<&" not in drawn


def code_block(message: Message) -> str:
    sections = [block["text"]["text"] for block in message.payload()["blocks"] if "text" in block]
    (drawn,) = [text for text in sections if "```" in text]
    before, shown, behind = drawn.split("```")
    assert (before, behind) == ("*Last log lines*\n", "")
    return str(shown)


def test_nothing_in_a_log_ends_the_code_block() -> None:
    assert code_block(failed(["```", "a `b`"])) == "'''\na 'b'"


def test_of_a_log_the_last_lines_are_kept() -> None:
    shown = code_block(failed([f"line {number}" for number in range(50)])).split("\n")
    assert shown == [f"line {number}" for number in range(30, 50)]
    assert len(shown) == MOST_LINES


@pytest.mark.parametrize("text", ["a", "&", "<", "日", "🚀", "'", "`"])
def test_of_a_log_no_more_is_kept_than_there_is_room_for(text: str) -> None:
    many, one = code_block(failed([text * 150] * 20)), code_block(failed([text * 5000]))
    assert one.endswith("…")
    for shown in (many, one):
        assert 0 < len(shown) <= 2900
        unescaped = shown.replace("&amp;", "&").replace("&lt;", "<")
        assert 400 < len(unescaped) <= 2000


def test_a_log_is_shown_without_what_only_a_terminal_understands() -> None:
    logged = [
        "\x1b[1;31mError\x1b[0m: no\tspace\x07",
        " 10%|#   | 1/10\r 20%|##  | 2/10\r",
        "first\nsecond\r\n\n",
        "\x1b]0;title\x07done",
        "\x1b[2K   ",
        "\x1b(B\x1b[mbold\x1b)0 off\x1b=",
        "\x1b]8;;https://x.example\x1b\\a link\x1b]8;;\x1b\\!",
        "\x1bPdevice\x1b\\said",
        "cut off\x1b",
    ]
    assert log_lines(logged) == [
        "Error: no   space",
        " 20%|##  | 2/10",
        "first",
        "second",
        "done",
        "bold off",
        "a link!",
        "said",
        "cut off",
    ]


def test_a_long_line_is_cut_between_two_words() -> None:
    cut, whole = log_lines(["a " * 998 + "TOKEN=" + "s3cret" * 9, "b" * 2000])
    assert cut == "a " * 997 + "a …"
    assert whole == "b" * 2000
    assert log_lines(["s3cret" * 1000, "\tx" * 2000])[0] == "…"


def test_as_many_lines_are_kept_as_are_asked_for() -> None:
    logged = ["one\ntwo", "", "three\n\n", "four"]
    assert log_lines(logged, 3) == ["two", "three", "four"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("RUNNING", "was running"),
        ("QUEUED", "was queued"),
        ("PREEMPTED", "had been preempted"),
        ("COMPLETED", "had completed"),
        ("FAILED", "had failed"),
        ("WARMING_UP", "had the status Warming up"),
    ],
)
def test_what_was_seen_last_is_told_as_the_past(status: str, words: str) -> None:
    assert (
        f"When I last looked, *gpt-oss-job* {words}."
        in lost_message(a_project(), a_job(status), ()).text
    )


def test_who_is_outside_of_a_channel_asks_to_be_invited() -> None:
    for why in ("channel_not_found", "not_in_channel"):
        assert "`/invite` me to the channel first" in MESSAGES[f"farewell_{why}"].text
    assert "/invite" not in MESSAGES["farewell_is_archived"].text


@pytest.mark.parametrize(
    "why",
    [
        "channel_is_archived",
        "is_archived",
        "is_inactive",
        "restricted_action",
        "restricted_action_read_only_channel",
    ],
)
def test_where_nobody_can_be_answered_another_channel_is_advised(why: str) -> None:
    said = farewell_message(a_project(job()), "Research", "C0SANDBOX1", why, INSTALLATION).text
    assert said.endswith("run `/training-project Research support-bot-sft` in another channel")
    assert "another channel" not in MESSAGES["farewell_message_not_found"].text


def test_who_is_mentioned_is_told_of_which_project() -> None:
    for name in ("completed", "failed", "stopped", "preempted", "expired", "gone", "lost"):
        assert "*support-bot-sft*" in MESSAGES[name].text


def test_of_very_many_who_watch_a_few_are_mentioned() -> None:
    said = MESSAGES["ended_watched_by_many"].text
    assert said.count("<@") == 20
    assert "<@U0WATCHER19> and 40 more" in said


def test_logs_are_shown_only_of_a_job_that_failed() -> None:
    for status in ("COMPLETED", "STOPPED", "PREEMPTED"):
        drawn = ended_message(a_project(), a_job(status), None, DANA, TRACEBACK)
        assert "```" not in drawn.text
    assert "could not be read" in failed(None).text
    assert "It left no log lines" in failed([]).text


def test_who_watches_is_mentioned_by_what_comes_last() -> None:
    for name in ("completed", "failed", "stopped", "preempted", "expired", "gone", "lost"):
        assert "<@U0DANA0001>" in MESSAGES[name].text
    for name in ("deploying", "running", "waiting", "taken_over", "first_job"):
        assert "<@" not in MESSAGES[name].text


def test_a_conversation_that_is_no_channel_is_not_named() -> None:
    said = farewell_message(
        a_project(job()), "Research", "D0SANDBOX1", "is_archived", INSTALLATION
    ).text
    assert "<#" not in said
