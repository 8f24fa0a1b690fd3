"""The question which project is meant matches its golden files, and fits Slack's limits."""

import json

import pytest

from bot.baseten.models import Team
from bot.projects.message_state import NameChoice, TeamChoice
from bot.projects.readings import question_about
from bot.projects.service import ExistingProjects
from bot.sandbox.slack.block_kit import message_error
from bot.slack.message import Message
from bot.views.question import question_message
from tests.golden import assert_golden
from tests.views.drawn import assert_fit

RESEARCH = Team(id="wp7ndew", name="Research")
PLATFORM = Team(id="p1atf0m", name="platform")
PLATFORM_TEAM = Team(id="p1atf0t", name="Platform Team")
HOSTILE = "<!channel> & *bold* `code` <https://evil.example|here> @everyone"
LETTERS = ["<", "&", '"', "\\", "日", "🚀", "x"]
OTHER = ExistingProjects(PLATFORM_TEAM, "my-model", listed=False)
CASES = {
    "plain": ExistingProjects(RESEARCH, "llama_3_ft", listed=False, near="llama-3-ft"),
    "hostile": ExistingProjects(
        Team(id="h", name=HOSTILE), HOSTILE, listed=False, near=HOSTILE.upper()
    ),
    "long": ExistingProjects(
        Team(id="1ongnam", name="<&>" * 1000), "<&>" * 250, listed=False, near="<&>" * 250 + "x"
    ),
    "help": ExistingProjects(RESEARCH, "help", listed=False),
    "help_like_another": ExistingProjects(RESEARCH, "list", listed=False, near="List"),
    "longer_team": ExistingProjects(PLATFORM, "team my-model", listed=False, readings=(OTHER,)),
    "longer_team_exists": ExistingProjects(
        PLATFORM,
        "team my-model",
        listed=False,
        near="team-my-model",
        readings=(ExistingProjects(PLATFORM_TEAM, "my-model", listed=True),),
    ),
    "longer_team_without_a_name": ExistingProjects(
        PLATFORM, "team", listed=False, readings=(ExistingProjects(PLATFORM_TEAM, ""),)
    ),
    "longer_team_twice": ExistingProjects(
        PLATFORM,
        "team help",
        listed=False,
        readings=(OTHER, ExistingProjects(Team(id="tw1n", name="Platform Team"), "my-model")),
    ),
    "longer_team_hostile": ExistingProjects(
        Team(id="h", name=HOSTILE),
        HOSTILE,
        near=HOSTILE.upper(),
        readings=(ExistingProjects(Team(id="h2", name=HOSTILE * 2), HOSTILE, near="x" * 500),),
    ),
}


def drawn(found: ExistingProjects, thread_ts: str | None = None) -> Message | None:
    question = question_about(found)
    return None if question is None else question_message(question, thread_ts)


def message(found: ExistingProjects, thread_ts: str | None = None) -> Message:
    made = drawn(found, thread_ts)
    assert made is not None
    return made


def labels(found: ExistingProjects) -> list[str]:
    return [button["text"]["text"] for button in message(found).blocks[-1]["elements"]]


@pytest.mark.parametrize("name", CASES)
def test_the_question_is_drawn_as_it_was_agreed(name: str) -> None:
    made = message(CASES[name])
    payload = made.payload()
    assert message_error(payload["text"], payload["blocks"]) is None
    assert_fit(made)
    buttons = payload["blocks"][-1]["elements"]
    assert [button.get("style") for button in buttons] == ["primary", *[None] * (len(buttons) - 1)]
    assert buttons[-1]["text"]["text"] == "Cancel"
    assert_golden(f"question/{name}", payload)


def test_its_buttons_carry_the_choice_and_the_thread() -> None:
    use, create, _ = message(CASES["plain"], "1700000000.000100").blocks[-1]["elements"]
    thread = {"team_id": "wp7ndew", "thread_ts": "1700000000.000100"}
    assert NameChoice.model_validate_json(use["value"]) == NameChoice(name="llama-3-ft", **thread)
    assert NameChoice.model_validate_json(create["value"]) == NameChoice(
        name="llama_3_ft", **thread
    )


@pytest.mark.parametrize("letter", LETTERS)
def test_what_can_be_asked_fits(letter: str) -> None:
    lengths = [1, 74, 75, 120, 400, 799, 800, 801, 1999, 5000]
    for length in lengths:
        team = Team(id="1ongnam", name=letter * 5000)
        found = ExistingProjects(
            team, f"{letter * length}", listed=False, near=f"{letter * (length - 1)}é"
        )
        payload = message(found, "1700000000.000100").payload()
        assert message_error(payload["text"], payload["blocks"]) is None
        *choices, cancel = payload["blocks"][-1]["elements"]
        assert cancel["action_id"] == "cancel"
        assert (len(choices) < 2) == ("too long for a button" in payload["text"])
        for button in choices:
            assert len(button["value"].encode()) <= 2000
            assert NameChoice.model_validate_json(button["value"]).name in {found.name, found.near}


def test_a_beginning_is_asked_about_where_no_name_is_nearer() -> None:
    longer = ExistingProjects(RESEARCH, "llama-3", listed=False, beginning_of="llama-3-ft")
    assert "There is already a project `llama-3-ft`" in message(longer).text
    both = ExistingProjects(RESEARCH, "llama-3", near="Llama-3", beginning_of="llama-3-ft")
    assert "There is already a project `Llama-3`" in message(both).text


def test_all_reasons_are_one_question() -> None:
    found = ExistingProjects(PLATFORM, "list", listed=False, near="List", readings=(OTHER,))
    assert labels(found) == [
        "Create my-model in Platform Team",
        "Use List in platform",
        "Show help",
        "Create list in platform",
        "Cancel",
    ]
    ids = [button["action_id"] for button in message(found).blocks[-1]["elements"]]
    assert len(set(ids)) == len(ids)


def test_a_team_without_a_name_is_gone_on_with_in_the_dialog() -> None:
    first = message(CASES["longer_team_without_a_name"]).blocks[-1]["elements"][0]
    assert first["text"]["text"] == "Choose a project in Platform Team…"
    assert TeamChoice.model_validate_json(first["value"]) == TeamChoice(team="p1atf0t")


def test_two_teams_of_the_longer_name_are_chosen_from_in_the_dialog() -> None:
    first = message(CASES["longer_team_twice"]).blocks[-1]["elements"][0]
    carried = TeamChoice.model_validate_json(first["value"])
    assert carried == TeamChoice(team="Platform Team", name="my-model")


@pytest.mark.parametrize(
    "found",
    [
        ExistingProjects(RESEARCH, "llama-3-ft", listed=True),
        ExistingProjects(RESEARCH, "help", listed=True, near="Help", readings=(OTHER,)),
        ExistingProjects(RESEARCH, "llama-3-ft", listed=False),
        ExistingProjects(RESEARCH, "llama-3-ft"),
    ],
)
def test_there_is_nothing_to_ask_about_an_exact_name_or_a_name_of_its_own(
    found: ExistingProjects,
) -> None:
    assert drawn(found) is None


@pytest.mark.parametrize("name", ["hostile", "long", "longer_team_hostile"])
def test_nothing_that_was_written_elsewhere_is_markup_here(name: str) -> None:
    payload = message(CASES[name]).payload()
    shown = json.dumps([payload["text"], payload["blocks"][0]])
    assert "<!" not in shown
    assert "<https" not in shown
    assert "<&" not in shown
