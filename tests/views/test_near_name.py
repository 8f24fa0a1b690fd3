"""The question about a similar name matches its golden files."""

import json

import pytest

from bot.baseten.models import Team
from bot.projects.message_state import NameChoice
from bot.projects.service import ExistingProjects
from bot.sandbox.slack.block_kit import message_error
from bot.views.near_name import can_ask, near_name_message
from tests.golden import assert_golden

RESEARCH = Team(id="wp7ndew", name="Research")
HOSTILE = "<!channel> & *bold* `code` <https://evil.example|here> @everyone"
LETTERS = ["<", "&", '"', "\\", "日", "🚀", "x"]
CASES = {
    "plain": ExistingProjects(RESEARCH, "llama_3_ft", listed=False, near="llama-3-ft"),
    "hostile": ExistingProjects(
        Team(id="h", name=HOSTILE), HOSTILE, listed=False, near=HOSTILE.upper()
    ),
    "long": ExistingProjects(
        Team(id="1ongnam", name="<&>" * 1000), "<&>" * 250, listed=False, near="<&>" * 250 + "x"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_question_is_drawn_as_it_was_agreed(name: str) -> None:
    payload = near_name_message(CASES[name], None).payload()
    assert message_error(payload["text"], payload["blocks"]) is None
    assert_golden(f"near_name/{name}", payload)


def test_its_buttons_carry_the_choice_and_the_thread() -> None:
    payload = near_name_message(CASES["plain"], "1700000000.000100").payload()
    use, create = payload["blocks"][-1]["elements"]
    thread = {"team_id": "wp7ndew", "thread_ts": "1700000000.000100"}
    assert NameChoice.model_validate_json(use["value"]) == NameChoice(name="llama-3-ft", **thread)
    assert NameChoice.model_validate_json(create["value"]) == NameChoice(
        name="llama_3_ft", **thread
    )


@pytest.mark.parametrize("letter", LETTERS)
def test_what_can_be_asked_fits(letter: str) -> None:
    lengths = [1, 74, 75, 120, 400, 799, 800, 801, 1999, 5000]
    asked = 0
    for length in lengths:
        team = Team(id="1ongnam", name=letter * 5000)
        found = ExistingProjects(
            team, f"{letter * length}", listed=False, near=f"{letter * (length - 1)}é"
        )
        if not can_ask(found):
            continue
        asked += 1
        payload = near_name_message(found, "1700000000.000100").payload()
        assert message_error(payload["text"], payload["blocks"]) is None
        for button in payload["blocks"][-1]["elements"]:
            assert NameChoice.model_validate_json(button["value"]).name in {found.name, found.near}
    assert asked >= 5


def test_a_beginning_is_asked_about_where_no_name_is_nearer() -> None:
    longer = ExistingProjects(RESEARCH, "llama-3", listed=False, beginning_of="llama-3-ft")
    assert can_ask(longer)
    assert "There is already a project `llama-3-ft`" in near_name_message(longer, None).text
    both = ExistingProjects(RESEARCH, "llama-3", near="Llama-3", beginning_of="llama-3-ft")
    assert "There is already a project `Llama-3`" in near_name_message(both, None).text


def test_there_is_nothing_to_ask_without_a_near_name() -> None:
    assert not can_ask(ExistingProjects(RESEARCH, "llama-3-ft", listed=True))
    assert not can_ask(ExistingProjects(RESEARCH, "llama-3-ft"))


@pytest.mark.parametrize("name", ["hostile", "long"])
def test_nothing_that_was_written_elsewhere_is_markup_here(name: str) -> None:
    payload = near_name_message(CASES[name], None).payload()
    drawn = json.dumps([payload["text"], payload["blocks"][0]])
    assert "<!" not in drawn
    assert "<https" not in drawn
    assert "<&" not in drawn
