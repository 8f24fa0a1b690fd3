"""The replies about a watched job match their golden files."""

import json
from typing import Any

import pytest

from bot.baseten.measures import Checkpoint, GpuCapacity
from bot.baseten.models import TrainingJob, TrainingProject
from bot.projects.creation import CreationOutcome
from bot.projects.message_state import MessageState, WatchJobChoice
from bot.sandbox.slack.block_kit import message_error
from bot.slack.message import Message
from bot.views.installation import Installation
from bot.views.job_end import Findings, ended_message
from bot.views.log_tail import MOST_LINES, log_lines
from bot.views.watch import (
    expired_message,
    farewell_message,
    first_job_message,
    gone_message,
    job_has_ended,
    lost_message,
    mentions_message,
    moved_message,
    newer_job_message,
    not_watching,
    waiting_message,
)
from tests.golden import assert_golden
from tests.views.test_project import HOSTILE, LONG, SINCE, job, project

INSTALLATION = Installation()
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


def ended(status: str, ran: float | None = 7500, **found: Any) -> Message:
    return ended_message(a_project(), a_job(status), ran, DANA, Findings(**found))


def failed(logs: list[str] | None, status: str = "FAILED", **changes: Any) -> Message:
    found = Findings(logs=logs, starter="dana@example.com")
    return ended_message(a_project(), a_job(status, **changes), 7500, DANA, found)


def checkpoint(number: int, **changes: Any) -> Checkpoint:
    fields = {
        "checkpoint_id": f"checkpoint-{number}",
        "created_at": SINCE,
        "size_bytes": 12 * 10**8,
    }
    return Checkpoint.model_validate(fields | {"sync_status": "COMPLETE"} | changes)


def choice(job_id: str = "q8rs0rw", **changes: Any) -> WatchJobChoice:
    fields = {"project_id": "n4q95w5", "team": "Research", "outcome": CreationOutcome.EXISTED}
    state = MessageState.model_validate(fields | changes)
    return WatchJobChoice(message_state=state, job_id=job_id)


def newer(job: TrainingJob, old: TrainingJob | None, who: tuple[str, ...] = DANA) -> Message:
    longest = choice(team="&" * 150, also_in=("<" * 150,) * 3, asked_for='"' * 150)
    used = longest if old is not None and old.name == LONG else choice()
    return newer_job_message(a_project(), used, job, old, who, "U0LEE00001")


NEW = a_job("PENDING", id="q8rs0rw", name="second-try")
HUNDREDS = ["&" * 100 for _ in range(100)]
THREE = [checkpoint(number) for number in (100, 200, 300)]
GPU = [0.2, 0.63, 0.9, 0.91, 0.75]
LONG_JOB: dict[str, Any] = {
    "name": LONG,
    "error_message": LONG,
    "availability_model": LONG,
    "instance_type": {"id": "x", "name": LONG, "gpu_count": 8, "gpu_type": LONG},
}
LONG_PROJECT = a_project(name=LONG, team_name=LONG)
LONG_FOUND = Findings(HUNDREDS, [checkpoint(1, checkpoint_id=LONG)] * 300, GPU * 2, LONG)
WRITTEN_ELSEWHERE = {
    "hostile_moved": moved_message(
        a_project(name=HOSTILE), a_job(name=HOSTILE, error_message=HOSTILE), again=True
    ),
    "hostile_logs": failed([HOSTILE, "```", "`rm`"], name=HOSTILE, error_message=HOSTILE),
    "hostile_status": ended_message(
        a_project(name=HOSTILE, team_name=HOSTILE),
        a_job(HOSTILE, id=HOSTILE, name=HOSTILE),
        5,
        DANA,
        Findings(starter=HOSTILE),
    ),
    "hostile_success": ended_message(
        a_project(name=HOSTILE),
        a_job("COMPLETED", id=HOSTILE),
        5,
        DANA,
        Findings(checkpoints=[checkpoint(1, checkpoint_id=HOSTILE)], starter=HOSTILE),
    ),
    "hostile_newer": newer(a_job(name=HOSTILE), a_job(name=HOSTILE)),
    "hostile_farewell": farewell_message(
        a_project(job(name=HOSTILE), name=HOSTILE), HOSTILE, "C0SANDBOX1", HOSTILE, INSTALLATION
    ),
    "hostile_lost": lost_message(a_project(name=HOSTILE), a_job(HOSTILE, name=HOSTILE), DANA),
    "hostile_gone": gone_message(a_project(job(name=HOSTILE), name=HOSTILE), DANA),
    "long_moved": moved_message(LONG_PROJECT, a_job(**LONG_JOB), again=True),
    "long_ended": ended_message(LONG_PROJECT, a_job("FAILED", **LONG_JOB), 1e9, MANY, LONG_FOUND),
    "long_success": ended_message(
        LONG_PROJECT, a_job("COMPLETED", **LONG_JOB), 1e9, MANY, LONG_FOUND
    ),
    "long_preempted": ended_message(
        LONG_PROJECT, a_job("PREEMPTED", **LONG_JOB), 1e9, MANY, LONG_FOUND
    ),
    "long_line": failed([LONG]),
    "long_newer": newer(a_job(**LONG_JOB, id="a" * 100), a_job(**LONG_JOB), MANY),
    "long_first_job": first_job_message(LONG_PROJECT, a_job(**LONG_JOB), MANY, LONG),
    "long_waiting": waiting_message(
        LONG_PROJECT,
        a_job("PENDING", **LONG_JOB),
        SINCE,
        1e9,
        GpuCapacity(gpu_type=LONG, limit=9),
    ),
    "long_farewell": farewell_message(
        a_project(job(name=LONG), name=LONG), LONG, "C1", LONG, INSTALLATION
    ),
    "long_lost": lost_message(LONG_PROJECT, a_job(LONG, **LONG_JOB), MANY),
    "long_gone": gone_message(a_project(job(name=LONG), name=LONG), MANY),
    "long_mentions": mentions_message(LONG, tuple(f"U0123456{number:03}" for number in range(100))),
    "long_not_watching": not_watching(LONG, MANY),
    "long_job_has_ended": job_has_ended(a_job(LONG, **LONG_JOB)),
}
MESSAGES = {
    "deploying": moved_message(a_project(), a_job("DEPLOYING"), again=False),
    "running": moved_message(a_project(), a_job(), again=False),
    "queued_again": moved_message(
        a_project(), a_job("PENDING", error_message="Spot capacity is available."), again=True
    ),
    "completed": ended("COMPLETED", checkpoints=THREE, gpu_use=GPU, starter="U0LEE00001"),
    "completed_start_not_seen": ended("COMPLETED", None),
    "completed_without_checkpoints": ended("COMPLETED", checkpoints=()),
    "completed_one_checkpoint": ended("COMPLETED", checkpoints=THREE[:1]),
    "completed_syncing": ended(
        "COMPLETED", checkpoints=[*THREE, checkpoint(400, sync_status="SYNCING", size_bytes=None)]
    ),
    "completed_sync_unknown": ended("COMPLETED", checkpoints=[checkpoint(1, sync_status=None)]),
    "failed": failed(TRACEBACK, error_message="The training process ended with exit code 1."),
    "failed_logs_not_read": failed(None),
    "failed_without_logs": failed([]),
    "failed_to_deploy": failed([], "DEPLOY_FAILED", error_message="No such image."),
    "stopped": ended("STOPPED"),
    "preempted": ended("PREEMPTED", checkpoints=THREE),
    "expired_job": ended("EXPIRED"),
    "canceled": ended("CANCELED"),
    "unknown_status": ended("WARMING_UP"),
    "ended_watched_by_many": ended_message(a_project(), a_job("COMPLETED"), 59.6, MANY, Findings()),
    "ended_watched_by_nobody": ended_message(a_project(), a_job("COMPLETED"), 7500, (), Findings()),
    "mentions": mentions_message("support-bot-sft", MANY[20:]),
    "waiting": waiting_message(
        a_project(),
        a_job("PENDING", error_message="Spot capacity is available for this job."),
        SINCE,
        10_800,
        GpuCapacity(gpu_type="H100", limit=64, usage_count=56),
    ),
    "waiting_without_advice": waiting_message(a_project(), a_job("QUEUED"), SINCE, 10_800, None),
    "waiting_without_a_limit": waiting_message(
        a_project(), a_job("PENDING"), SINCE, 10_800, GpuCapacity(gpu_type="H100", usage_count=56)
    ),
    "newer_job": newer(NEW, a_job()),
    "newer_job_after_the_end": newer(NEW, None),
    "newer_job_for_nobody": newer(NEW, a_job(), ()),
    "first_job": first_job_message(a_project(), NEW, DANA, "dana@example.com"),
    "waiting_with_an_unknown_capacity": waiting_message(
        a_project(), a_job("PENDING"), SINCE, 10_800, GpuCapacity(gpu_type="H100")
    ),
    "waiting_with_no_capacity": waiting_message(
        a_project(), a_job("PENDING"), SINCE, 10_800, GpuCapacity(gpu_type="H100", limit=0)
    ),
    "expired": expired_message(a_project(job()), 14, DANA, message_updated=True),
    "expired_not_drawn": expired_message(a_project(job()), 14, DANA, message_updated=False),
    "expired_without_a_job": expired_message(a_project(), 14, DANA, message_updated=True),
    "expired_with_a_job_unreadable": expired_message(
        a_project().model_copy(update={"job_unreadable": True}), 14, DANA, message_updated=True
    ),
    "lost": lost_message(a_project(), a_job(), DANA),
    "gone": gone_message(a_project(job()), DANA),
    "gone_without_a_job": gone_message(a_project(), ()),
    "job_has_ended": job_has_ended(a_job("FAILED")),
    "not_watching": not_watching("support-bot-sft", DANA),
    "not_watching_as_two_are": not_watching("support-bot-sft", MANY[:2]),
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
        if block["type"] == "actions":
            continue
        for part in [block["text"]] if "text" in block else block["elements"]:
            assert part["text"].lower() in payload["text"].lower()


@pytest.mark.parametrize("name", WRITTEN_ELSEWHERE)
def test_nothing_that_was_written_elsewhere_is_markup_here(name: str) -> None:
    blocks = [block for block in ALL[name].blocks if block["type"] != "actions"]  # plain text
    drawn = json.dumps({"text": ALL[name].text, "blocks": blocks})
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
        "from \u202eright to left\u2069",
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
        "from right to left",
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
        ("COMPLETED", "had finished"),
        ("FAILED", "had failed"),
        ("WARMING_UP", "had ended with the status “Warming up”"),
    ],
)
def test_what_was_seen_last_is_told_as_the_past(status: str, words: str) -> None:
    assert (
        f"so I've stopped watching it. It {words} when I last looked."
        in lost_message(a_project(), a_job(status), ()).text
    )


def test_a_jobs_name_is_not_changed_by_the_words_around_it() -> None:
    named = a_project(job(name="this is a job"))
    text = expired_message(named, 14, DANA, message_updated=False).text
    assert "*this is a job* is still running. <@U0DANA0001>" in text
    ended = a_project(job(name="this is a job", current_status="TRAINING_JOB_FAILED"))
    text = expired_message(ended, 14, DANA, message_updated=False).text
    assert "*this is a job* failed. <@U0DANA0001>" in text


@pytest.mark.parametrize("name", ["deploying", "running", "queued_again", "waiting", "newer_job"])
def test_every_reply_names_its_project(name: str) -> None:
    assert "*support-bot-sft*" in MESSAGES[name].text.split("\n")[0]


def test_the_words_to_people_hold_no_codes_of_slack() -> None:
    for name, message in ALL.items():
        if name.startswith("farewell"):
            assert "_" not in message.text.replace("support-bot-sft", "")


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
    assert said.endswith(
        "To watch it again, run `/training-project Research support-bot-sft` in another channel."
    )
    assert "another channel" not in MESSAGES["farewell_message_not_found"].text


def test_who_is_mentioned_is_told_of_which_project() -> None:
    for name in ("completed", "failed", "stopped", "preempted", "expired", "gone", "lost"):
        assert "*support-bot-sft*" in MESSAGES[name].text


def test_of_very_many_who_watch_20_are_mentioned_and_the_next_reply_mentions_the_others() -> None:
    said = MESSAGES["ended_watched_by_many"].text
    assert said.count("<@") == 20
    assert "<@U0WATCHER19> and 40 more" in said
    assert MESSAGES["mentions"].text.count("<@") == 40


def test_logs_are_shown_only_of_a_job_that_failed() -> None:
    for status in ("COMPLETED", "STOPPED", "PREEMPTED", "EXPIRED"):
        assert "```" not in ended(status, logs=TRACEBACK).text
    assert "I couldn't read its logs" in failed(None).text
    assert "No log lines in the last 7 days" in failed([]).text


def button_of(message: Message) -> dict[str, Any]:
    (row,) = [block for block in message.blocks if block["type"] == "actions"]
    (found,) = row["elements"]
    return dict(found)


def test_the_way_to_the_logs_is_a_button_and_the_first_thing_to_do_after_a_failure() -> None:
    assert button_of(failed(TRACEBACK))["style"] == "primary"
    assert button_of(failed(TRACEBACK))["action_id"] == "open_logs"
    assert "style" not in button_of(MESSAGES["completed"])
    assert not [block for block in failed([]).blocks if block["type"] == "actions"]


def test_a_newer_job_has_a_button_that_carries_it() -> None:
    button = button_of(MESSAGES["newer_job"])
    assert (button["action_id"], button["text"]["text"]) == ("watch_too", "Watch second-try too")
    assert WatchJobChoice.model_validate_json(button["value"]) == choice()
    after = button_of(MESSAGES["newer_job_after_the_end"])
    assert after["text"]["text"] == "Watch second-try"


def test_who_watches_is_mentioned_by_what_asks_for_attention() -> None:
    for name in ("completed", "failed", "stopped", "preempted", "expired", "gone", "lost"):
        assert "<@U0DANA0001>" in MESSAGES[name].text
    for name in ("newer_job", "first_job"):
        assert "<@U0DANA0001>" in MESSAGES[name].text
    for name in ("deploying", "running", "waiting"):
        assert "<@" not in MESSAGES[name].text


def test_a_conversation_that_is_no_channel_is_not_named() -> None:
    said = farewell_message(
        a_project(job()), "Research", "D0SANDBOX1", "is_archived", INSTALLATION
    ).text
    assert "<#" not in said


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (512, "`checkpoint-9` (512 bytes)\n"),
        (1, "`checkpoint-9` (1 byte)\n"),
        (0, "`checkpoint-9`\n"),
        (-5, "`checkpoint-9`\n"),
    ],
)
def test_a_size_below_a_kilobyte_is_said_in_bytes_if_it_is_one(size: int, said: str) -> None:
    odd = checkpoint(9, sync_status=None, size_bytes=size)
    assert f"1 checkpoint, {said}" in ended("COMPLETED", checkpoints=[odd]).text
