"""The message matches its golden files, for every kind of project and job."""

import json
import re
import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest

from bot.baseten.models import TrainingProject
from bot.projects.creation import CreationOutcome
from bot.projects.message_state import MessageState
from bot.projects.service import OpenedProject
from bot.sandbox.slack.block_kit import message_error
from bot.views.job import push_command, status
from bot.views.project import (
    Refreshed,
    WatchSummary,
    message_state_of,
    project_message,
)
from tests.golden import assert_golden

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
JOB = "job actions p7qr9qv"
HOSTILE = "<!channel> & *bold* `code` <https://evil.example|here> @everyone"
LONG = "<&>" * 2000


def job(**changes: Any) -> dict[str, Any]:
    """Return a job, as the API returns it."""
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


def project(latest_job: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    """Return a project, as the API returns it."""
    return {
        "id": "n4q95w5",
        "name": "support-bot-sft",
        "created_at": "2026-11-18T10:22:05.114Z",
        "updated_at": "2026-11-20T14:09:40.112004Z",
        "team_name": "Research",
        "latest_job": latest_job,
    } | changes


@dataclass(frozen=True)
class Case:
    """The arguments of a message."""

    opened: OpenedProject
    user_id: str = "U0SANDBOX1"
    refreshed: Refreshed | None = None
    watch: WatchSummary | None = None

    def payload(self) -> dict[str, Any]:
        state = message_state_of(self.opened, self.user_id)
        drawn = project_message(self.opened.project, state, self.refreshed, self.watch)
        return drawn.payload()


def opened(
    latest_job: dict[str, Any] | None,
    outcome: CreationOutcome = CreationOutcome.EXISTED,
    also_in: tuple[str, ...] = (),
    **changes: Any,
) -> OpenedProject:
    """Return a project that the bot opened."""
    answered = TrainingProject.model_validate(project(latest_job, **changes))
    return OpenedProject(answered, answered.team_name or "Research", outcome, also_in)


REFRESHED = Refreshed(by="U0DANA0001", at=datetime(2026, 11, 23, 17, 10, tzinfo=UTC))
SINCE = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
DANA = WatchSummary(watchers=("U0DANA0001",))
MANY = WatchSummary(
    watchers=tuple(f"U0WATCHER{number:02}" for number in range(40)),
    running_since=SINCE,
    job_id="p7qr9qv",
)
BARE_MACHINE = {"id": "1x2", "name": "1x2 - 1 vCPU, 2 GiB RAM", "gpu_count": 0, "gpu_type": None}
OPENED = {
    "created": opened(None, CreationOutcome.CREATED),
    "outcome_unknown": opened(None, CreationOutcome.UNKNOWN),
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
    "blanks": opened(job(name="\u200b ", user={"email": " "}, node_count=-1)),
    "job_unreadable": opened(None, job_unreadable=True),
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
            checkpoint_sync_status=LONG,
        ),
        name=LONG,
        team_name=LONG,
    ),
    "syncing": opened(job(checkpoint_sync_status="SYNCING")),
    "synced": opened(
        job(current_status="TRAINING_JOB_COMPLETED", checkpoint_sync_status="COMPLETED")
    ),
    "sync_of_another_kind": opened(job(checkpoint_sync_status="PARTLY_DONE")),
    "long_no_job": opened(None, name=LONG, team_name=LONG),
    "long_lines": opened(job(error_message="\n" * 300 + "<\n" * 300)),
} | {
    f"status_{name.lower()}": opened(job(current_status=f"TRAINING_JOB_{name}"))
    for name in STATUSES
}
CASES = {name: Case(case) for name, case in OPENED.items()} | {
    "workflow": Case(opened(None), user_id=""),
    "refreshed": Case(opened(job()), refreshed=REFRESHED),
    "created_and_refreshed": Case(opened(job(), CreationOutcome.CREATED), refreshed=REFRESHED),
    "also_in_one": Case(opened(None, also_in=("Platform",))),
    "also_in_many": Case(opened(job(), also_in=("A & B", "C", "D", "E")), refreshed=REFRESHED),
    "long_refreshed": Case(
        replace(OPENED["long"], also_in=(LONG, LONG, LONG, LONG)),
        refreshed=REFRESHED,
        watch=replace(MANY, newer_job=LONG),
    ),
    "followed": Case(opened(job()), watch=DANA),
    "followed_no_job": Case(opened(None), watch=DANA),
    "followed_by_nobody": Case(opened(job()), user_id="", watch=WatchSummary(watchers=("",))),
    "followed_by_many": Case(OPENED["syncing"], watch=MANY),
    "followed_to_the_end": Case(OPENED["synced"], watch=replace(MANY, ended=True)),
    "followed_for_too_long": Case(opened(job()), watch=replace(MANY, ended=True)),
    "followed_with_a_newer_job": Case(opened(job()), watch=replace(DANA, newer_job="epoch-2 & co")),
    "failed_after": Case(
        OPENED["failed_with_error"], watch=replace(MANY, watchers=("U0DANA0001",), ended=True)
    ),
    "gone_without_a_job": Case(opened(None), watch=replace(DANA, ended=True, project_missing=True)),
    "gone_with_a_job_unreadable": Case(
        opened(None, job_unreadable=True), watch=replace(DANA, ended=True, project_missing=True)
    ),
    "gone": Case(opened(job()), watch=replace(MANY, ended=True, project_missing=True)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_drawn_as_it_was_agreed(name: str) -> None:
    assert_golden(f"project/{name}", CASES[name].payload())


@pytest.mark.parametrize("name", CASES)
def test_the_answer_keeps_slacks_limits(name: str) -> None:
    payload = CASES[name].payload()
    assert message_error(payload["text"], payload["blocks"]) is None
    assert len(json.dumps(payload, ensure_ascii=False)) < 10_000


def actions(name: str) -> list[str]:
    return [
        element["action_id"]
        for block in CASES[name].payload()["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def primary(name: str) -> list[str]:
    return [
        element["action_id"]
        for block in CASES[name].payload()["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
        if element.get("style") == "primary"
    ]


@pytest.mark.parametrize("name", sorted(name for name in CASES if not name.startswith("gone")))
def test_everybody_can_watch_and_one_button_is_primary(name: str) -> None:
    assert "watch" in actions(name)
    (job,) = [CASES[name].opened.project.latest_job]
    watched = "stop_watching" in actions(name)  # its last update follows after the last log lines
    ended = job is not None and status(job).ended and not watched
    assert primary(name) == ["open_logs" if ended else "watch"]
    assert actions(name)[0] == primary(name)[0]


@pytest.mark.parametrize(
    ("name", "buttons", "options"),
    [
        ("no_job", ["watch"], ["refresh", "command", "follow"]),
        ("synced", ["open_logs", "jobs", "watch"], ["refresh", "command", JOB, "follow"]),
        ("status_failed", ["open_logs", "jobs", "watch"], ["refresh", "command", JOB, "follow"]),
        (
            "followed",
            ["watch", "stop_watching", "jobs"],
            ["refresh", "command", JOB, "stop for everyone", "follow"],
        ),
        (
            "followed_no_job",
            ["watch", "stop_watching"],
            ["refresh", "command", "stop for everyone", "follow"],
        ),
        (
            "followed_for_too_long",
            ["watch", "jobs", "open_logs"],
            ["refresh", "command", JOB, "follow"],
        ),
    ],
)
def test_the_end_of_a_watch_is_offered_only_while_there_is_one(
    name: str, buttons: list[str], options: list[str]
) -> None:
    *found, menu = CASES[name].payload()["blocks"][-2]["elements"]
    assert [element["action_id"] for element in found] == buttons
    assert (menu["type"], menu["action_id"]) == ("overflow", "more")
    assert [option["value"] for option in menu["options"]] == options


@pytest.mark.parametrize("name", CASES)
def test_a_message_has_six_lines_at_most_and_its_text_begins_like_its_first_line(
    name: str,
) -> None:
    payload = CASES[name].payload()
    shown = [_text_of(block) for block in payload["blocks"] if block["type"] != "actions"]
    first = shown[0].split("\n")[0]
    spoken = payload["text"].split("\n")[0]
    assert re.sub(r"<https:[^|]*\|([^>]*)>", r"\1", first).replace("*", "") == spoken.replace(
        "*", ""
    )
    assert "<" not in spoken
    assert len(payload["text"].encode()) <= 4000
    if not name.startswith(("long", "gone")):
        lines = "\n".join(shown).split("\n")
        assert len(lines) + 1 <= 6 + 2 * any(line.startswith(("> ", "Baseten")) for line in lines)


@pytest.mark.parametrize("name", CASES)
def test_the_small_print_has_the_id_and_both_timestamps(name: str) -> None:
    case = CASES[name]
    small = _text_of(case.payload()["blocks"][-1]).split("\n")
    assert small[0].startswith("Project `n4q95w5` · created <!date^1794997325^")
    assert "updated <!date^1795183780^" in small[0]
    assert ("already existed" in small[0]) == (case.opened.outcome is CreationOutcome.EXISTED)
    assert ("by this request" in small[0]) == (case.opened.outcome is CreationOutcome.CREATED)
    assert len(small) <= 2


def test_a_project_is_new_only_in_its_first_message() -> None:
    case = CASES["created"]
    assert case.payload()["text"].startswith("✨ support-bot-sft was created in Research.")
    for changed in (replace(case, refreshed=REFRESHED), replace(case, opened=opened(None))):
        assert changed.payload()["text"].startswith("📂 support-bot-sft is ready in Research.")
    assert CASES["created_and_refreshed"].payload()["text"].startswith("▶️ gpt-oss-job is running")


def test_watch_says_what_it_is_for_until_somebody_watches() -> None:
    assert "*Watch* tells you when it starts." in str(CASES["no_job"].payload())
    assert "*Watch* tells you" not in str(CASES["followed_no_job"].payload())


def test_a_newer_job_is_named_in_the_small_print() -> None:
    small = _text_of(CASES["followed_with_a_newer_job"].payload()["blocks"][-1])
    assert small.endswith("Watched by <@U0DANA0001> · newer job: *epoch-2 &amp; co*")


def test_nothing_can_be_asked_of_a_project_that_is_gone() -> None:
    assert actions("gone") == []


def test_how_long_a_job_ran_is_said_only_where_it_is_known() -> None:
    assert " after " not in CASES["synced"].payload()["text"]
    ran = "✅ gpt-oss-job finished after 4 minutes 40 seconds in support-bot-sft (Research)"
    assert CASES["followed_to_the_end"].payload()["text"].startswith(ran)
    failed = "❌ gpt-oss-job failed after 4 minutes 40 seconds in support-bot-sft (Research)"
    assert CASES["failed_after"].payload()["text"].startswith(failed)
    since = "running since <!date^1795183500^"
    assert since in str(CASES["followed_by_many"].payload()["blocks"])
    assert since in CASES["followed_by_many"].payload()["text"]


@pytest.mark.parametrize("name", ["followed_for_too_long", "gone"])
def test_no_time_goes_on_in_a_message_that_nobody_draws_again(name: str) -> None:
    assert "{ago}" in str(CASES["followed_by_many"].payload())
    assert "running since" in str(CASES[name].payload())
    assert "{ago}" not in str(CASES[name].payload())


@pytest.mark.parametrize("status", ["RUNNING", "COMPLETED"])
def test_how_long_one_job_ran_is_not_said_of_another(status: str) -> None:
    newer = job(id="another", current_status=f"TRAINING_JOB_{status}")
    drawn = str(Case(opened(newer), watch=MANY).payload())
    assert "running since" not in drawn
    assert " after " not in drawn


def test_of_a_status_that_is_not_known_it_is_not_said_that_it_runs() -> None:
    odd = job(current_status="TRAINING_JOB_WARMING_UP")
    assert "running since" not in str(Case(opened(odd), watch=MANY).payload())


def test_checkpoints_that_nobody_will_look_at_again_are_not_called_under_way() -> None:
    ended = job(current_status="TRAINING_JOB_STOPPED", checkpoint_sync_status="SYNCING")
    assert "checkpoints" not in str(Case(opened(ended)).payload())
    assert "checkpoints: syncing" in str(CASES["syncing"].payload())


@pytest.mark.parametrize(
    ("status", "lead"),
    [
        ("PENDING", "Baseten's advice:\n"),
        ("RUNNING", "Baseten says:\n"),
        ("STOPPED", "Baseten says:\n"),
        ("FAILED", ""),
        ("DEPLOY_FAILED", ""),
    ],
)
def test_only_of_a_job_that_failed_it_is_an_error(status: str, lead: str) -> None:
    said = job(current_status=f"TRAINING_JOB_{status}", error_message="Retrying a node.")
    blocks = Case(opened(said)).payload()["blocks"]
    texts = [text["text"] for block in blocks for text in _texts(block)]
    assert f"{lead}> Retrying a node." in texts


@pytest.mark.parametrize("name", STATUSES)
def test_a_status_is_the_same_without_its_prefix(name: str) -> None:
    both = [
        status(opened(job(current_status=prefix + name)).project.latest_job)  # type: ignore[arg-type]
        for prefix in ("", "TRAINING_JOB_")
    ]
    assert both[0] == both[1]


@pytest.mark.parametrize("name", ["hostile", "long", "long_refreshed"])
def test_nothing_that_was_written_elsewhere_is_markup_here(name: str) -> None:
    payload = CASES[name].payload()
    for button in payload["blocks"][-2]["elements"]:
        button.pop("value", None)  # a value is not visible
    drawn = json.dumps(payload)
    assert "<!channel" not in drawn
    assert set(re.findall("<https[^|]*", drawn)) == {
        "<https://app.baseten.co/training/n4q95w5/logs/p7qr9qv"
    }
    assert "<&" not in drawn


def test_what_would_expand_by_itself_is_verbatim() -> None:
    payload = CASES["hostile"].payload()
    texts = [text for block in payload["blocks"] for text in _texts(block)]
    texts = [text for text in texts if "@everyone" in text["text"]]
    assert texts
    assert all(text.get("verbatim") for text in texts)


def _text_of(block: dict[str, Any]) -> str:
    """Return the text of a section or of small print."""
    text: str = (block["text"] if "text" in block else block["elements"][0])["text"]
    return text


def _texts(block: dict[str, Any]) -> list[dict[str, Any]]:
    own = [block["text"]] if isinstance(block.get("text"), dict) else []
    return [*own, *block.get("fields", [])]


@pytest.mark.parametrize("name", STATUSES)
def test_each_status_has_a_mark_and_words(name: str) -> None:
    drawn = status(OPENED[f"status_{name.lower()}"].project.latest_job)  # type: ignore[arg-type]
    assert drawn.mark
    assert "_" not in drawn.words
    assert drawn.ended == (name not in {"PENDING", "CREATED", "QUEUED", "DEPLOYING", "RUNNING"})


@pytest.mark.parametrize("text", ['"' * 500, "\\" * 500, "日" * 500, "🚀" * 500, "\x01" * 500])
def test_the_buttons_can_carry_any_team(text: str) -> None:
    case = Case(opened(job(), also_in=(text, text, text, text), team_name=text))
    payload = case.payload()
    assert message_error(payload["text"], payload["blocks"]) is None
    state = message_state_of(case.opened, "U0SANDBOX1")
    carrying = [button for button in payload["blocks"][-2]["elements"] if "value" in button]
    assert len(carrying) == 2
    for button in carrying:
        assert MessageState.model_validate_json(button["value"]) == state


def test_a_message_drawn_again_is_the_same_but_for_who_refreshed_it() -> None:
    case = CASES["no_job"]
    again = replace(case, refreshed=REFRESHED).payload()
    assert again["text"] == case.payload()["text"]
    assert again["blocks"][:-1] == case.payload()["blocks"][:-1]
    assert "Refreshed by <@U0DANA0001>" in str(again["blocks"][-1])


@pytest.mark.parametrize("team", ["Research", "it's", "a`b", "a`"])
def test_the_command_that_starts_a_job_can_be_pasted(team: str) -> None:
    shown = unescape(push_command(team)).strip("`")
    assert shlex.split(shown)[-2:] == ["--team", team]


@pytest.mark.parametrize("team", [None, ""])
def test_the_command_that_starts_a_job_names_no_unknown_team(team: str | None) -> None:
    assert push_command(team) == "`truss train push config.py`"


def test_a_command_that_starts_a_job_is_not_cut() -> None:
    assert (
        push_command("x" * 300) == "`truss train push config.py --team` with the name of the team"
    )


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("llama", "name the project `llama` in"),
        ("a`b", "name the project exactly as above in"),
        ("x" * 101, "use the project's whole name in"),  # the message shows it cut
        ("a`b  c", "use the project's whole name in"),  # and with one space
    ],
)
def test_a_name_is_called_exact_only_if_the_message_shows_it_whole(name: str, called: str) -> None:
    drawn = Case(opened(None, name=name)).payload()
    assert f"To start one, {called} your config" in drawn["blocks"][0]["text"]["text"]
