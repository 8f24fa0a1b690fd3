"""The messages and the dialog of follows match their golden files and keep Slack's limits."""

from datetime import UTC, datetime

import pytest

from bot.baseten.models import TrainingJob, TrainingProject
from bot.baseten.project_heads import ProjectHead
from bot.follows.model import GONE, RIGHTS, Follow, Kind, Level, Scope
from bot.projects.follow_choice import FollowChoice, FollowDialogState, choice_of
from bot.sandbox.slack.block_kit import message_problems, option_problems, view_problems
from bot.views.follow import (
    cannot_list,
    changed_message,
    following_message,
    lost_job_message,
    no_email,
    no_such_follow,
    not_followed,
    now_following,
    stopped_message,
    unconfirmed_follow,
    unfollowed_message,
    you_stopped,
)
from bot.views.follow_dialog import (
    follow_view,
    group_options,
    project_option,
    target_options,
    team_option,
)
from bot.views.installation import Installation
from tests.golden import assert_golden
from tests.views import test_project as made
from tests.views.test_project import HOSTILE, LONG

DANA, SAM = "U0DANA0001", "U0SAM00001"
MINE = Scope(kind=Kind.MINE, email="dana@example.com")
TEAM = Scope(kind=Kind.TEAM, team="Research")


def project(name: str = "llama", team: str = "Research") -> Scope:
    return Scope(kind=Kind.PROJECT, project_id="pr0ject", name=name, team=team)


def follow(scope: Scope, level: Level = Level.ENDS, channel: str = "C0SANDBOX1") -> Follow:
    return Follow(
        id="0" * 32,
        scope=scope,
        channel_id=channel,
        created_by=DANA,
        level=level,
        mentions=(SAM, "S0ONCALL01") if level is Level.FAILURES else (),
        since=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
    )


HOME = Installation()
CASES = {
    "following_project": following_message(follow(project()), 0, HOME),
    "following_team": following_message(follow(TEAM, Level.ALL), 1, HOME),
    "following_failures": following_message(follow(project(), Level.FAILURES), 12, HOME),
    "following_mine": following_message(follow(MINE, channel="D0SANDBOX1"), 0, HOME),
    "following_hostile": following_message(follow(project(HOSTILE, HOSTILE)), 0, HOME),
    "following_long": following_message(follow(project(LONG, LONG), Level.ALL), 1, HOME),
    "now_following": now_following(follow(project())),
    "changed": changed_message(follow(project(), Level.FAILURES)),
    "stopped": stopped_message(follow(project()), "", SAM),
    "stopped_without_right": stopped_message(follow(project()), RIGHTS, ""),
    "stopped_gone": stopped_message(follow(project()), GONE, ""),
    "lost_job": lost_job_message(
        TrainingProject.model_validate(made.project(None)), TrainingJob.model_validate(made.job())
    ),
    "you_stopped": you_stopped(follow(TEAM)),
    "not_in_channel": not_followed("not_in_channel", direct=False),
    "archived": not_followed("is_archived", direct=False),
    "restricted": not_followed("restricted_action", direct=False),
    "no_direct_messages": not_followed("cannot_dm_bot", direct=True),
    "unconfirmed": unconfirmed_follow(),
    "cannot_list": cannot_list(),
    "no_scope": no_email(scope_missing=True),
    "no_email": no_email(scope_missing=False),
    "no_such_follow": no_such_follow(),
    "ended_by_another": unfollowed_message(follow(project()), "", SAM),
    "ended_gone": unfollowed_message(follow(project()), GONE, ""),
    "ended_without_right": unfollowed_message(follow(TEAM), RIGHTS, ""),
    "ended_not_in_channel": unfollowed_message(follow(project()), "not_in_channel", ""),
    "ended_archived": unfollowed_message(follow(TEAM), "is_archived", ""),
    "ended_unknown": unfollowed_message(follow(MINE, channel="D0SANDBOX1"), "user_disabled", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_a_message_is_drawn_as_it_was_agreed(name: str) -> None:
    drawn = CASES[name].payload()
    assert message_problems(drawn["blocks"]) == []
    assert_golden(f"follow/{name}", drawn)


@pytest.mark.parametrize(("name", "groups"), [("dialog", False), ("dialog_with_groups", True)])
def test_the_dialog_is_drawn_as_it_was_agreed(name: str, *, groups: bool) -> None:
    state = FollowDialogState(channel_id="C0SANDBOX1")
    initial = project_option("pr0ject", "llama", "Research")
    drawn = follow_view(state, initial, groups=groups).to_dict()
    assert view_problems(drawn) == []
    assert_golden(f"follow/{name}", drawn)


@pytest.mark.parametrize("text", [HOSTILE, LONG, "🚀" * 200, ""])
def test_the_options_keep_slacks_limits(text: str) -> None:
    heads = [ProjectHead(f"id{number}", text, text) for number in range(150)]
    options = [
        *target_options("", [text, "Research"], heads),
        *group_options("", [("S0ONCALL01", text)]),
    ]
    assert option_problems([each.to_dict() for each in options[:100]]) == []
    assert len(target_options("", [text], heads)) == 100


def test_a_project_whose_id_does_not_fit_a_button_is_not_offered() -> None:
    assert target_options("", [], [ProjectHead("x" * 200, "llama", "Research")]) == []


def test_an_option_carries_its_choice() -> None:
    assert choice_of(str(team_option("Research").value)).team_digest
    assert choice_of("project:pr0ject") == FollowChoice(project_id="pr0ject")
    for odd in ("", "team:nothing", "other:x", "project:", f"project:{'x' * 200}"):
        assert choice_of(odd) == FollowChoice()


def test_only_matching_teams_and_projects_are_offered() -> None:
    heads = [ProjectHead("1", "Llama", "Research"), ProjectHead("2", "bert", "Research")]
    found = target_options(" LLA", ["Research", "Llamas"], heads)
    labels = [each.to_dict()["text"]["text"] for each in found]
    assert labels == ["All projects of Llamas", "Llama (Research)"]


def test_a_name_from_right_to_left_does_not_turn_its_option_round() -> None:
    shown = project_option("pr0ject", "\u05d0\u05d1 12", "Research").to_dict()["text"]["text"]
    assert shown == "\u2068\u05d0\u05d1 12\u2069 (Research)"
