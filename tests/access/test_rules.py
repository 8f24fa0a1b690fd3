"""Whom the bot serves, and which acts are allowed."""

import pytest

from bot.access.access_file import parse_access_file
from bot.access.rules import (
    Actor,
    ActorKind,
    MalformedIdError,
    Refusal,
    Verb,
    Workspace,
    allows,
    checked_id,
    checked_place,
    is_user_id,
    serves,
)
from bot.access.workspace import access_in_words, workspace_of

ACME = Workspace("T0ACME", name="Acme")
GRANT = '[[grant]]\nto = ["U0DANA"]\nteams = ["R"]\ncan = ["view"]\n'
RULE = '[[approve]]\nteams = ["Research", "Ops"]\nby = ["U0LEE"]\nchannel = "C0ASK"\n'
ON_GRID = Workspace("T0ACME", "E0ACME", "Acme")
ORGANIZATION = Workspace("T0ACME", "E0ACME", "Acme", organization=True)


@pytest.mark.parametrize(
    ("workspace", "actor", "refusal"),
    [
        (ACME, Actor(workspace="T0ACME"), None),
        (ACME, Actor(workspace="T0ACME", home="T0ACME"), None),
        (ACME, Actor(ActorKind.WORKFLOW, workspace="T0ACME"), None),
        (ACME, Actor(workspace="T0OTHER"), Refusal.OTHER_WORKSPACE),
        (ACME, Actor(workspace="T0OTHER", home="T0ACME"), Refusal.OTHER_WORKSPACE),
        (ACME, Actor(), Refusal.OTHER_WORKSPACE),
        (ACME, Actor(workspace="T0ACME", home="T0OTHER"), Refusal.CONNECTED_COMPANY),
        (ACME, Actor(workspace="T0ACME", enterprise_id="E0X"), Refusal.OTHER_ORGANIZATION),
        (ON_GRID, Actor(workspace="T0ACME", enterprise_id="E0ACME"), None),
        (ON_GRID, Actor(workspace="T0MORE", enterprise_id="E0ACME"), Refusal.OTHER_WORKSPACE),
        (ON_GRID, Actor(workspace="T0ACME", enterprise_id="E0X"), Refusal.OTHER_ORGANIZATION),
        (ORGANIZATION, Actor(workspace="T0MORE", enterprise_id="E0ACME"), None),
        (ORGANIZATION, Actor(workspace="T0MORE", home="T0MORE", enterprise_id="E0ACME"), None),
        (ORGANIZATION, Actor(home="E0ACME", enterprise_id="E0ACME"), None),
        (ORGANIZATION, Actor(workspace="T0ACME"), Refusal.OTHER_ORGANIZATION),
        (
            ORGANIZATION,
            Actor(workspace="T0ACME", enterprise_id="E0X"),
            Refusal.OTHER_ORGANIZATION,
        ),
        (
            ORGANIZATION,
            Actor(workspace="T0MORE", home="T0OTHER", enterprise_id="E0ACME"),
            Refusal.CONNECTED_COMPANY,
        ),
    ],
)
def test_the_bot_serves_its_own_workspace_or_organization(
    workspace: Workspace, actor: Actor, refusal: Refusal | None
) -> None:
    assert serves(actor, workspace) is refusal


@pytest.mark.parametrize("kind", list(ActorKind))
@pytest.mark.parametrize("team", ["Research", ""])
def test_without_grants_everything_but_stop_is_allowed(kind: ActorKind, team: str) -> None:
    allowed = {verb for verb in Verb if allows(Actor(kind, "U0DANA"), verb, team)}
    assert allowed == {Verb.VIEW, Verb.LOGS, Verb.CREATE}


@pytest.mark.parametrize("value", ["abc_DEF-9", "x"])
def test_an_id_of_the_right_form_passes(value: str) -> None:
    assert checked_id(value) == value


@pytest.mark.parametrize("value", ["", "../teams", "a b", "a/b", "a\n", "é", "x" * 300, "a%2f"])
def test_an_id_of_another_form_is_refused(value: str) -> None:
    with pytest.raises(MalformedIdError):
        checked_id(value)


@pytest.mark.parametrize(("channel", "ts"), [("", ""), ("C0ML", "1.2"), ("D0A", ""), ("", "1.2")])
def test_a_place_of_slacks_form_passes(channel: str, ts: str) -> None:
    checked_place(channel, ts)


PLACES = [("U0DANA", ""), ("C0 ML", ""), ("C0ML", "12"), ("x", "")]


@pytest.mark.parametrize(("channel", "ts"), PLACES)
def test_a_place_of_another_form_is_refused(channel: str, ts: str) -> None:
    with pytest.raises(MalformedIdError):
        checked_place(channel, ts)


def test_only_a_users_id_is_a_users_id() -> None:
    values = ["U0DANA", "W012", "U", "dana", "<!channel>", "U0DANA>", "C0ML", "U0dana", "U0DANA\n"]
    assert [value for value in values if is_user_id(value)] == ["U0DANA", "W012"]


def test_auth_test_names_the_workspace_or_the_organization() -> None:
    answer = {"team": "Acme", "team_id": "T0ACME", "enterprise_id": None}
    assert workspace_of(answer) == ACME
    grid = {**answer, "enterprise_id": "E0ACME", "enterprise_name": "Acme Inc"}
    assert workspace_of(grid) == ON_GRID
    installed = workspace_of({**grid, "is_enterprise_install": True})
    assert installed == Workspace("T0ACME", "E0ACME", "Acme Inc", organization=True)
    assert access_in_words(ACME).startswith("serves people of Acme's workspace (T0ACME)")
    assert "people of Acme Inc's organization (E0ACME)" in access_in_words(installed)


@pytest.mark.parametrize(
    ("actor", "workspaces", "external", "refusal"),
    [
        (Actor(workspace="T0ACME", home="T0OTHER"), None, True, None),
        (Actor(workspace="T0OTHER"), None, True, Refusal.OTHER_WORKSPACE),
        (Actor(workspace="T0MORE"), ("T0MORE",), False, None),
        (Actor(workspace="T0MORE", home="T0MORE"), ("T0MORE",), False, None),
        (Actor(workspace="T0ACME"), ("T0MORE",), False, Refusal.OTHER_WORKSPACE),
        (Actor(workspace="T0MORE", home="T0X"), ("T0MORE",), False, Refusal.CONNECTED_COMPANY),
        (Actor(workspace="T0ACME", enterprise_id="E0X"), None, True, Refusal.OTHER_ORGANIZATION),
    ],
)
def test_rules_can_name_the_workspaces_and_let_in_connected_companies(
    actor: Actor, workspaces: tuple[str, ...] | None, *, external: bool, refusal: Refusal | None
) -> None:
    assert serves(actor, ACME, workspaces, external=external) is refusal


def test_an_organizations_workspaces_can_be_limited() -> None:
    for team, refused in (("T0ACME", None), ("T0MORE", Refusal.OTHER_WORKSPACE)):
        actor = Actor(workspace=team, home=team, enterprise_id="E0ACME")
        assert serves(actor, ORGANIZATION, ("T0ACME",)) is refused


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("", "(T0ACME), guests included: all of them can create, view and see log lines, with the"),
        ('guests = "deny"', "(T0ACME), guests excluded: all of them"),
        ('workspaces = ["T0A", "T0B"]', "(T0A, T0B), guests included"),
        ('external = "allow"', "guests included, people of connected companies too: all"),
        ('channels = ["C0A"]', "guests included, in 1 channel: all"),
        ('shared_channels = "deny"', "included, not in channels shared with other companies: all"),
        (GRANT, "guests included: 1 grant; everything that is not granted is refused"),
        (RULE, "nobody can stop; new projects in Research, Ops wait for approval"),
        (RULE + RULE.replace("Ops", "*"), "new projects in all teams wait for approval"),
        (GRANT + GRANT, "guests included: 2 grants; everything that is not granted is refused"),
    ],
)
def test_the_rules_are_said_in_one_line(rules: str, words: str) -> None:
    said = access_in_words(ACME, parse_access_file(rules))
    assert words in said
    assert "\n" not in said
