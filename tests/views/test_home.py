"""The home tab matches its golden files."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.access.rules import RightsUnknownError
from bot.baseten.errors import RateLimited, Refused, Unreachable
from bot.baseten.models import TrainingJob
from bot.baseten.project_heads import ProjectHead
from bot.follows.model import Follow, Kind, Level, Scope
from bot.projects.job_list import CurrentJobs, ListedJob
from bot.projects.recents import Recent
from bot.sandbox.slack.block_kit import elements, view_problems
from bot.views.dashboard import Dashboard, Listed
from bot.views.home import HOME_OPEN, home_view
from bot.views.installation import Installation
from tests.golden import assert_golden

INSTALLATION = Installation()
AT = datetime(2026, 11, 23, 17, 10, tzinfo=UTC)
HOSTILE = "<!channel> & *bold* `code` <https://evil.example|here> @everyone"
LONG = "<&>" * 2000
NONE = Listed(CurrentJobs(()), {}, AT)


def recent(name: str, team: str, project_id: str = "n4q95w5") -> Recent:
    return Recent(project_id=project_id, name=name, team=team, at=AT)


def job(job_id: str, name: str, status: str = "RUNNING", **more: Any) -> TrainingJob:
    fields = {
        "id": job_id,
        "name": name,
        "current_status": f"TRAINING_JOB_{status}",
        "created_at": AT,
        "updated_at": AT,
        "instance_type": {"id": "i", "name": "8xH100", "gpu_count": 8, "gpu_type": "H100"},
        "node_count": 2,
        "user": {"email": "dana@example.com"},
        "training_project_id": "n4q95w5",
    }
    return TrainingJob.model_validate(fields | more)


def head(name: str, team: str, latest: TrainingJob | None = None) -> ProjectHead:
    return ProjectHead("n4q95w5", name, team, latest)


def follow(
    team: str, name: str = "", channel: str = "C0SANDBOX1", level: Level = Level.ENDS
) -> Follow:
    kind = Kind.PROJECT if name else Kind.TEAM
    scope = Scope(kind=kind, project_id="n4q95w5" if name else "", name=name, team=team)
    return Follow(
        id="0" * 32, scope=scope, channel_id=channel, created_by="U0DANA0001", level=level, since=AT
    )


def listed(jobs: Sequence[TrainingJob], project: ProjectHead, **more: bool) -> Listed:
    current = CurrentJobs(tuple(ListedJob(each, project) for each in jobs), **more)
    return Listed(current, {project.id: project}, AT)


def crowded(text: str) -> Dashboard:
    jobs = [job(f"{number:07}", text, "PENDING", error_message=text) for number in range(12)]
    project = head(text, text, jobs[0])
    return Dashboard(
        listed(jobs, project, search_refused=True),
        [recent(text, text)] * 5,
        [follow(text, text, level=Level.ALL)] * 25,
        tells=True,
    )


RUNS, WAITS = job("eiw8uo9", "gpt-oss-sft-3"), job("k9ep1fr", "", "PENDING", node_count=1)
ENDED = job("m3m3m3m", "epoch-3", "COMPLETED", created_at=AT - timedelta(hours=9))
FULL = Dashboard(
    listed([RUNS, WAITS, ENDED], head("support-bot-sft", "Research", RUNS)),
    [recent("support-bot-sft", "Research")],
    [
        follow("Research", "support-bot-sft"),
        follow("Platform Team", channel="D0SANDBOX1", level=Level.FAILURES),
    ],
    tells=True,
    watched=frozenset({"eiw8uo9"}),
)
CASES = {
    "empty": Dashboard(NONE, []),
    "full": FULL,
    "waiting": Dashboard(None, [recent("support-bot-sft", "Research")]),
    "baseten away": Dashboard(Unreachable("no route", sent=False), [recent("sft", "Research")]),
    "database away": Dashboard(FULL.listed, None, None),
    "unsure": Dashboard(NONE, [], doubt=RightsUnknownError(teams=False)),
    "unsure of more": replace(FULL, doubt=RightsUnknownError(teams=False)),
    "hostile": crowded(HOSTILE),
    "long": crowded(LONG),
}


def drawn(dashboard: Dashboard) -> dict[str, Any]:
    view: dict[str, Any] = home_view(dashboard, INSTALLATION).to_dict()
    return view


@pytest.mark.parametrize("name", CASES)
def test_the_home_tab_is_drawn_as_it_was_agreed(name: str) -> None:
    view = drawn(CASES[name])
    assert view_problems(view) == []
    assert_golden(f"home/{name.replace(' ', '_')}", view)


@pytest.mark.parametrize("text", [LONG, '"' * 5000, "日" * 5000, "🚀" * 5000, "`" * 5000])
def test_long_names_keep_slacks_limits(text: str) -> None:
    view = drawn(crowded(text))
    assert view_problems(view) == []
    assert len(view["blocks"]) <= 100
    assert len(json.dumps(view, ensure_ascii=False)) < 50_000


@pytest.mark.parametrize("name", CASES)
def test_there_is_always_a_way_into_the_dialog(name: str) -> None:
    ids = [element["action_id"] for _, element in elements(drawn(CASES[name])["blocks"])]
    assert ids.count(HOME_OPEN) == 1


@pytest.mark.parametrize("name", ["hostile", "long"])
def test_nothing_that_was_written_elsewhere_is_markup_here(name: str) -> None:
    view = json.dumps(drawn(CASES[name]))
    assert "<!channel" not in view
    assert "<https://evil" not in view
    assert "<&" not in view


def test_the_newest_ten_jobs_are_shown_and_the_others_counted() -> None:
    jobs = [job(f"{n:07}", f"run-{n}", created_at=AT + timedelta(hours=n)) for n in range(13)]
    view = str(drawn(Dashboard(listed(jobs, head("sft", "Research")), []))["blocks"])
    assert [f"run-{number}>" in view for number in range(13)] == [False] * 3 + [True] * 10
    assert view.index("run-12>") < view.index("run-3>")
    assert "And 3 more" in view


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unreachable("x", sent=False), "I can't reach Baseten. Open this tab again in a minute."),
        (Unreachable("x", sent=True), "Baseten did not answer. Open this tab"),
        (RateLimited("Slow down", 7), "Baseten is rate-limiting the bot. Open this tab"),
        (
            Refused(403, message="Authorization error"),
            "Baseten does not accept the bot's API key. Open",
        ),
        (Refused(500), "Baseten is having problems (error 500). Open this tab"),
    ],
)
def test_a_failure_of_baseten_is_said_in_words(error: Any, words: str) -> None:
    view = str(drawn(Dashboard(error, [recent("sft", "Research")])))
    assert words in view
    assert "Nothing was changed" not in view
    assert "*sft*" in view


def test_a_project_that_is_gone_or_hidden_now_is_left_out() -> None:
    view = str(drawn(Dashboard(NONE, [recent("gone", "Research")])))
    assert "gone" not in view
    just_now = recent("fresh", "Research").model_copy(update={"at": AT + timedelta(seconds=1)})
    assert "fresh" in str(drawn(Dashboard(NONE, [just_now])))


@pytest.mark.parametrize(
    ("job_id", "project_id", "buttons"),
    [
        ("x" * 30, "y" * 30, set()),
        ("x" * 30, "n4q95w5", {"show_job"}),  # the project alone fits
    ],
)
def test_ids_that_fit_no_button_get_none(job_id: str, project_id: str, buttons: set[str]) -> None:
    strange = job(job_id, "sft")
    project = ProjectHead(project_id, "sft", "Research", strange)
    shown = Listed(CurrentJobs((ListedJob(strange, project),)), {project.id: project}, AT)
    view = drawn(Dashboard(shown, [recent("sft", "Research", project.id)]))
    ids = {element["action_id"] for _, element in elements(view["blocks"])}
    assert ids == {HOME_OPEN, "follow", "tell_me", *buttons}
    assert "app.baseten.co" not in str(view)
