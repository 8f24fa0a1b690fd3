"""The cases for a question before the bot creates a project."""

import pytest

from bot.baseten.models import Team
from bot.projects.message_state import NameChoice, button_value
from bot.projects.readings import Question, longer_readings, name_with, question_about
from bot.projects.request import ProjectRequest, parse, reads_like_help
from bot.projects.service import ExistingProjects

SHORT, LONG, LONGER = (
    Team(id=f"team{number}", name=name)
    for number, name in enumerate(("platform", "Platform Team", "PLATFORM team alpha"))
)
TEAMS = [SHORT, LONG, LONGER, Team(id="o", name="Plat"), Team(id="x", name="platforms")]


def request(text: str) -> ProjectRequest:
    parsed = parse(text)
    assert isinstance(parsed, ProjectRequest)
    return parsed


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("platform team my-model", [(LONG, "my-model")]),
        ("platform TEAM my-model", [(LONG, "my-model")]),
        ("platform team alpha x", [(LONGER, "x"), (LONG, "alpha x")]),
        ("platform team", [(LONG, "")]),
        ('platform team "my model"', [(LONG, "my model")]),
        ("platform team `my model`", [(LONG, "my model")]),
        ("platform teams my-model", []),
        ("platform my-model", []),
        ('"platform" team my-model', []),
        ("<platform> team my-model", []),
    ],
)
def test_words_that_begin_with_a_longer_teams_name_have_another_reading(
    text: str, readings: list[tuple[Team, str]]
) -> None:
    assert longer_readings(request(text), TEAMS) == readings


def test_a_team_that_is_chosen_late_takes_its_words_from_the_name() -> None:
    assert name_with(request("platfrm team x"), "Platform Team") == "team x"
    assert name_with(request("platform team x"), "Platform Team") == "x"
    assert name_with(request("platform team"), "Platform Team") == ""
    assert name_with(request('"platform" team x'), "Platform Team") == "team x"


@pytest.mark.parametrize(
    "name", ["help", "Help", " LIST ", "status", "?", "-h", "--", "--help", "\N{EM DASH}help"]
)
def test_a_name_that_reads_like_help_is_one(name: str) -> None:
    assert reads_like_help(name)
    assert question_about(ExistingProjects(SHORT, name)) == Question(
        ExistingProjects(SHORT, name), help=True
    )
    assert question_about(ExistingProjects(SHORT, name, listed=True)) is None


@pytest.mark.parametrize("name", ["helper", "help-desk", "listing", "-x", "a--b", "h", "what?"])
def test_a_name_that_only_contains_such_a_word_is_none(name: str) -> None:
    assert not reads_like_help(name)
    assert question_about(ExistingProjects(SHORT, name)) is None


def test_a_button_holds_2000_bytes() -> None:
    fits = NameChoice(team_id="t", name="日" * 640)
    assert len((button_value(fits) or "").encode()) <= 2000
    assert button_value(fits) is not None
    assert button_value(NameChoice(team_id="t", name="日" * 660)) is None
