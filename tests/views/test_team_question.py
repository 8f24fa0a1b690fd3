"""The question which team is meant matches its golden files, and fits Slack's limits."""

import json

import pytest

from bot.baseten.models import Team
from bot.projects.message_state import NameChoice, TeamChoice
from bot.projects.request import ProjectRequest
from bot.projects.team_errors import AmbiguousTeamError, UnknownTeamError
from bot.sandbox.slack.block_kit import message_error
from bot.slack.message import Message, ReplyTarget
from bot.views.failure import READING, FailureWording, attempt_to_open, failure_message
from bot.views.installation import Installation
from tests.golden import assert_golden
from tests.views.drawn import assert_fit

RESEARCH = Team(id="wp7ndew", name="Research")
TEAMS = [Team(id="d3fau1t", name="Default", default=True), RESEARCH]
TWINS = [Team(id=f"tw1n{number}", name="Twins", default=number == 2) for number in range(6)]
HOSTILE = "<!channel> & *bold* `code` <https://evil.example|here> @everyone"
SFT = ProjectRequest("reserch", "sft")
CASES: dict[str, tuple[UnknownTeamError | AmbiguousTeamError, ProjectRequest]] = {
    "near": (UnknownTeamError("reserch", ["Research"], TEAMS), SFT),
    "two_near": (UnknownTeamError("x", ["Research", "Default", "Twins"], TEAMS + TWINS), SFT),
    "no_near": (UnknownTeamError("zzz", [], TEAMS), SFT),
    "help": (UnknownTeamError("help", [], TEAMS), ProjectRequest("help", "me")),
    "ambiguous": (AmbiguousTeamError("twins", TWINS), ProjectRequest("twins", "sft")),
    "without_a_name": (
        UnknownTeamError("platform", ["Platform Team"], [Team(id="p", name="Platform Team")]),
        ProjectRequest("platform", "team", unquoted=True),
    ),
    "right_to_left": (
        AmbiguousTeamError("מרחב", [Team(id=f"{n}wp7nde", name="מרחב") for n in range(2)]),
        ProjectRequest("מרחב", "sft"),
    ),
    "hostile": (
        UnknownTeamError(HOSTILE, [HOSTILE], [Team(id="h", name=HOSTILE)]),
        ProjectRequest(HOSTILE, HOSTILE),
    ),
    "long": (
        AmbiguousTeamError("日" * 100, [Team(id="i" * 200, name="日" * 100)] * 9),
        ProjectRequest("日" * 100, "日" * 120),
    ),
}


def asked(
    error: UnknownTeamError | AmbiguousTeamError, wording: FailureWording | ProjectRequest
) -> Message:
    if isinstance(wording, ProjectRequest):
        wording = attempt_to_open(wording, ReplyTarget("U1", thread_ts="1700000000.000100"))
    return failure_message(error, wording, "", Installation())


@pytest.mark.parametrize("name", CASES)
def test_the_question_is_drawn_as_it_was_agreed(name: str) -> None:
    message = asked(*CASES[name])
    payload = message.payload()
    assert_fit(message)
    assert message_error(payload["text"], payload["blocks"]) is None
    buttons = payload["blocks"][-1]["elements"]
    assert [button.get("style") for button in buttons] == ["primary", *[None] * (len(buttons) - 1)]
    assert len({button["action_id"] for button in buttons}) == len(buttons)
    assert all(len(button.get("value", "").encode()) <= 2000 for button in buttons)
    assert_golden(f"team_question/{name}", payload)


def test_the_buttons_carry_the_words_and_the_thread() -> None:
    use, choose = asked(*CASES["near"]).blocks[-1]["elements"]
    thread = "1700000000.000100"
    choice = NameChoice(team_id="wp7ndew", name="sft", thread_ts=thread)
    assert NameChoice.model_validate_json(use["value"]) == choice
    carried = TeamChoice.model_validate_json(choose["value"])
    assert carried == TeamChoice(name="sft", thread_ts=thread)


def test_the_id_and_the_default_distinguish_teams_of_one_name() -> None:
    labels = [each["text"]["text"] for each in asked(*CASES["ambiguous"]).blocks[-1]["elements"]]
    assert labels == [
        "Use Twins (tw1n0)",
        "Use Twins (tw1n1)",
        "Use Twins (tw1n2, default)",
        "Use Twins (tw1n3)",
        "Choose a team…",
    ]


@pytest.mark.parametrize(
    "wording",
    [
        READING,
        attempt_to_open(SFT),
        attempt_to_open(ProjectRequest("reserch", "日" * 700), ReplyTarget("U1")),
    ],
)
def test_without_a_person_or_with_a_long_name_the_words_are_plain(wording: FailureWording) -> None:
    message = asked(UnknownTeamError("reserch", ["Research"], TEAMS), wording)
    assert "actions" not in json.dumps(message.payload())
    assert "Did you mean *Research*?" in message.text


def test_a_key_without_teams_gets_the_plain_words() -> None:
    assert "can't see any team" in asked(UnknownTeamError("x", [], []), SFT).text
