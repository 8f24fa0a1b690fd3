"""The dialogs of the menu match their golden files and keep Slack's limits."""

import json

import pytest

from bot.baseten.models import TrainingProject
from bot.projects.message_state import StopState
from bot.projects.service import OpenedProject
from bot.sandbox.slack.block_kit import view_problems
from bot.views.blocks import plain
from bot.views.installation import Installation
from bot.views.more import command_view, not_watched_view, notice_view, stop_view, waiting_view
from bot.views.project import message_state_of
from tests.golden import assert_golden
from tests.views.test_project import HOSTILE, LONG, opened, project

INSTALLATION = Installation()
KEY = "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"


def found(name: str, team: str = "Platform Team") -> TrainingProject:
    return TrainingProject.model_validate(project(None, name=name, team_name=team))


def stop_state(case: OpenedProject) -> StopState:
    return StopState(
        channel_id="C0SANDBOX1",
        ts="1795453800.000100",
        message_state=message_state_of(case, "U0DANA0001"),
        thread_ts="1795453800.000100",
        response_url=f"https://hooks.slack.com/actions/{'T' * 200}",
    )


STATE = stop_state(opened(None))
MANY = [f"U0WATCHER{number:02}" for number in range(40)]
CASES = {
    "waiting": waiting_view("Command"),
    "command": command_view(found("my model"), "Platform Team", INSTALLATION),
    "command_hostile": command_view(found(HOSTILE, HOSTILE), HOSTILE, INSTALLATION),
    "command_untypeable": command_view(found("“sft”"), "Platform Team", INSTALLATION),
    "stop": stop_view("sft", ["U0DANA0001", "U0SAM00001"], "U0SAM00001", STATE),
    "stop_alone": stop_view("sft", ["U0DANA0001"], "U0DANA0001", STATE),
    "stop_many_hostile": stop_view(HOSTILE, MANY, "U0DANA0001", STATE),
    "stop_nobody": stop_view("sft", [], "U0DANA0001", STATE),
    "not_watched": not_watched_view(),
    "notice": notice_view("Training project", plain("⚠️ It failed.", "Try again.")),
}


@pytest.mark.parametrize("name", CASES)
def test_a_dialog_is_drawn_as_it_was_agreed(name: str) -> None:
    drawn = CASES[name].to_dict()
    assert view_problems(drawn) == []
    assert_golden(f"more/{name}", drawn)


@pytest.mark.parametrize("text", [LONG, "🚀" * 5000, "`\n" * 2000, "x" * 2440, "x" * 2600])
def test_long_names_keep_slacks_limits(text: str) -> None:
    drawn = [
        command_view(found(text, text), text, INSTALLATION),
        stop_view(text, MANY, "U0DANA0001", STATE),
    ]
    for view in drawn:
        assert view_problems(view.to_dict()) == []
        assert len(json.dumps(view.to_dict(), ensure_ascii=False)) < 10_000


@pytest.mark.parametrize("text", ['"' * 500, "\\" * 500, "日" * 500, "🚀" * 500, "\x01" * 500])
def test_the_question_carries_the_state_of_any_message(text: str) -> None:
    state = stop_state(opened(None, also_in=(text, text, text), team_name=text))
    carried = stop_view("sft", [], "U0DANA0001", state).private_metadata or ""
    assert len(carried) <= 3000
    assert StopState.model_validate_json(carried) == state


def test_a_command_is_shown_whole_or_not_at_all() -> None:
    whole, cut = (
        json.dumps(command_view(found("x" * size), "R", INSTALLATION).to_dict())
        for size in (2400, 2600)
    )
    assert f"/training-project R {'x' * 2400}" in whole
    assert "/training-project" not in cut


def test_a_key_in_a_name_is_not_shown() -> None:
    assert KEY not in json.dumps(command_view(found(KEY), "R", INSTALLATION).to_dict())


@pytest.mark.parametrize(
    "name", ["“sft”", "a\u00a0b", "a\tb", "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"]
)
def test_a_name_that_no_command_can_have_is_chosen_in_the_dialog(name: str) -> None:
    shown = json.dumps(command_view(found(name), "R", INSTALLATION).to_dict())
    assert "/training-project R" not in shown
    assert "Choose the project in the dialog: `/training-project`" in shown


def test_nothing_that_was_written_elsewhere_is_markup_here() -> None:
    for name in ("command_hostile", "stop_many_hostile"):
        for block in CASES[name].to_dict()["blocks"]:
            if block["type"] == "section":  # rich text has no markup
                assert "<!channel" not in block["text"]["text"]
                assert "<https" not in block["text"]["text"]


def test_a_message_keeps_its_words_in_a_dialog() -> None:
    message = plain("It failed.", "Try again.")
    assert notice_view("Training project", message).to_dict()["blocks"] == list(message.blocks)
