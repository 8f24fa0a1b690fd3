"""The dialog matches its golden files, and its menu offers the right teams."""

import json

import pytest
from slack_sdk.models.views import View

from bot.baseten.models import Team
from bot.projects.message_state import DialogState
from bot.projects.similar_names import SimilarNames
from bot.sandbox.slack.block_kit import view_problems
from bot.views.dialog import (
    MOST_OPTIONS,
    Prefilled,
    dialog_view,
    loading_view,
    project_options,
    team_options,
    typed_option,
)
from tests.golden import assert_golden

DEFAULT = Team(id="d3fau1t", name="Default", default=True)
RESEARCH = Team(id="wp7ndew", name="Research")
TEAMS = [DEFAULT, RESEARCH]
HERE = DialogState(team="wp7ndew", channel_id="C0SANDBOX1", response_url="https://hooks.example/x")
HOSTILE = "<!channel> & *bold* `code` <https://evil.example|here> @everyone"
HOSTILE_TEAM = Team(id="h0sti1e", name=HOSTILE)
LONG = ["<&>" * 1000, '"' * 3000, "日" * 3000, "🚀" * 3000, "\\" * 3000, "a" * 59 + " " * 3000]
VIEWS = {
    "loading": loading_view(),
    "default": dialog_view(HERE, TEAMS, Prefilled(DEFAULT)),
    "typed": dialog_view(HERE, TEAMS, Prefilled(RESEARCH, "research")),
    "name": dialog_view(HERE, TEAMS, Prefilled(name="my-model")),
    "name_near_a_team": dialog_view(HERE, TEAMS, Prefilled(name="reserch", near="Research")),
    "new_name": dialog_view(HERE, TEAMS, Prefilled(RESEARCH, name="my-model", exists=False)),
    "known_name": dialog_view(HERE, TEAMS, Prefilled(RESEARCH, name="my-model", exists=True)),
    "several": dialog_view(HERE, [*TEAMS, RESEARCH], Prefilled(asked="research", name="sft")),
    "unknown": dialog_view(HERE, TEAMS, Prefilled(asked="zzz", name="sft")),
    "hostile": dialog_view(HERE, [HOSTILE_TEAM], Prefilled(HOSTILE_TEAM, HOSTILE, HOSTILE)),
    "hostile_unknown": dialog_view(HERE, TEAMS, Prefilled(asked=HOSTILE, name=HOSTILE)),
    "no_teams_in_time": dialog_view(HERE, [], Prefilled()),
    "list_refused": dialog_view(HERE, None, Prefilled()),
    "list_refused_typed": dialog_view(HERE, None, Prefilled(asked="wp7ndew", name="sft")),
    "any_channel": dialog_view(DialogState(), TEAMS, Prefilled(DEFAULT)),
    "thread": dialog_view(
        DialogState(channel_id="C0SANDBOX1", thread_ts="1700000000.000100"),
        TEAMS,
        Prefilled(DEFAULT),
    ),
}


@pytest.mark.parametrize("name", VIEWS)
def test_the_dialog_is_drawn_as_it_was_agreed(name: str) -> None:
    drawn = VIEWS[name].to_dict()
    assert view_problems(drawn) == []
    assert_golden(f"dialog/{name}", drawn)


def long_views(text: str) -> list[View]:
    team = Team(id="1ongnam", name=text, default=True)
    far = DialogState(
        team=text[:150],
        name=text[:150],
        channel_id="C0SANDBOX1",
        response_url=f"https://hooks.slack.example/{'x' * 200}",
        thread_ts="1700000000.000100",
    )
    return [
        dialog_view(far, [team], Prefilled(team, text, text)),
        dialog_view(far, [team], Prefilled(team, text, text[:150], exists=False)),
        dialog_view(far, [team], Prefilled(asked=text, name=text, near=text)),
        dialog_view(far, [team], Prefilled(name=text, near=text)),
        dialog_view(far, [], Prefilled(asked=text, name=text)),
        dialog_view(DialogState(), None, Prefilled(asked=text, name=text)),
    ]


@pytest.mark.parametrize("text", LONG)
def test_long_names_keep_slacks_limits(text: str) -> None:
    for view in long_views(text):
        assert view_problems(view.to_dict()) == []
    for option in [*team_options("", [Team(id="1ongnam", name=text)]), *typed_option(text)]:
        drawn = option.to_dict()
        assert 0 < len(drawn["text"]["text"]) <= 75
        assert 0 < len(drawn["value"]) <= 150


def test_nothing_that_was_written_elsewhere_is_markup_here() -> None:
    view = dialog_view(HERE, TEAMS, Prefilled(asked=HOSTILE, name=HOSTILE))
    drawn = json.dumps(view.to_dict()["blocks"][0])
    assert "<!channel" not in drawn
    assert "<https" not in drawn
    plain = VIEWS["hostile"].to_dict()["blocks"][0]["element"]["initial_option"]["text"]
    assert plain["type"] == "plain_text"


def test_the_place_comes_back_as_it_was() -> None:
    drawn = VIEWS["default"].to_dict()
    assert DialogState.model_validate_json(drawn["private_metadata"]) == HERE


def values(typed: str, teams: list[Team]) -> list[str]:
    return [option.to_dict()["value"] for option in team_options(typed, teams)]


def test_without_words_all_teams_are_offered_in_their_order() -> None:
    assert values("", TEAMS) == ["d3fau1t", "wp7ndew"]
    assert values("   ", TEAMS) == ["d3fau1t", "wp7ndew"]


def test_words_filter_in_any_case_and_what_starts_with_them_comes_first() -> None:
    teams = [DEFAULT, Team(id="p1atres", name="Platform Research"), RESEARCH]
    assert values("reS", teams) == ["wp7ndew", "p1atres"]
    assert values("p1atres", teams) == ["p1atres"]
    assert values("zzz", teams) == []


def test_of_very_many_teams_a_hundred_are_offered() -> None:
    teams = [Team(id=f"team{number:03}", name=f"Team {number:03}") for number in range(250)]
    assert len(values("", teams)) == MOST_OPTIONS == 100
    assert values("249", teams) == ["team249"]


def test_what_is_typed_is_offered_where_the_teams_cannot_be_had() -> None:
    (option,) = typed_option("  Platform Team ")
    assert option.to_dict() == {
        "text": {"type": "plain_text", "text": "Platform Team (as typed)", "emoji": False},
        "value": "Platform Team",
    }
    assert typed_option("  ") == []


def test_a_new_name_is_offered_only_as_long_as_an_option_can_hold() -> None:
    assert [each.value for each in project_options("x" * 150, None)] == ["x" * 150]
    assert project_options("x" * 151, None) == []


def test_a_typed_team_does_not_turn_its_label_round() -> None:
    (option,) = typed_option("מרחב 7")
    assert option.to_dict()["text"]["text"] == "\u2068מרחב 7\u2069 (as typed)"


def shown(typed: str, existing: list[str], recent: list[str]) -> list[tuple[str, str]]:
    names = SimilarNames()
    for name in existing:
        names.add(name)
    options = [option.to_dict() for option in project_options(typed, names, recent)]
    return [(option["text"]["text"], option["value"]) for option in options]


def test_the_typed_name_comes_first_then_the_last_projects_then_the_others() -> None:
    existing = ["llama-1", "llama-2", "my-llama", "qwen"]
    recent = ["my-llama", "deleted", "qwen"]
    assert [name for _, name in shown("llama", existing, recent)] == [
        "llama",
        "my-llama",
        "llama-1",
        "llama-2",
    ]
    assert shown("", existing, recent)[:2] == [("my-llama", "my-llama"), ("qwen", "qwen")]


def test_an_exact_name_is_offered_first_and_not_as_a_new_one() -> None:
    options = shown("llama", ["llama", "a-llama", "Llama"], ["a-llama"])
    assert options[0] == ("llama", "llama")
    assert ("Create “llama”", "llama") not in options


def test_a_hundred_projects_are_offered_and_no_name_that_an_option_cannot_hold() -> None:
    existing = [f"x-{number:03}" for number in range(300)] + ["x" * 151]
    assert len(shown("x", existing, [])) == MOST_OPTIONS
    assert shown("x" * 151, existing, []) == []
    assert shown("x" * 150, ["x" * 151], [])[0][1] == "x" * 150


def test_a_name_with_control_characters_is_not_offered_as_a_new_one() -> None:
    assert shown("s\u202eft", [], []) == []
    assert [o.to_dict()["text"]["text"] for o in project_options("sft", None)] == ["Use “sft”"]


def test_a_team_from_right_to_left_does_not_move_its_id() -> None:
    (option,) = team_options("", [Team(id="wp7ndew", name="\u05de\u05d7\u05e7\u05e8")])
    assert option.to_dict()["text"]["text"] == "\u2068\u05de\u05d7\u05e7\u05e8\u2069 (wp7ndew)"
