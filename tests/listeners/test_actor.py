"""The actor of each kind of payload."""

from typing import Any

import pytest

from bot.access.rules import Actor, ActorKind
from bot.listeners.actor import actor_of, counts

USER = {"id": "U0DANA", "team_id": "T0ACME"}
INTERACTION = {"user": USER, "team": {"id": "T0ACME"}, "enterprise": None}
STEP = {"type": "function_executed", "function_execution_id": "Fx1"}


def interaction(kind: str, entry_point: str, **more: Any) -> tuple[dict[str, Any], Actor]:
    actor = Actor(id="U0DANA", workspace="T0ACME", home="T0ACME", entry_point=entry_point)
    return INTERACTION | {"type": kind, **more}, actor


@pytest.mark.parametrize(
    ("body", "actor"),
    [
        (
            {
                "command": "/x",
                "user_id": "U0DANA",
                "team_id": "T0ACME",
                "enterprise_id": "E0ACME",
                "channel_id": "C0ML",
            },
            Actor(
                id="U0DANA",
                workspace="T0ACME",
                enterprise_id="E0ACME",
                channel_id="C0ML",
                entry_point="command",
            ),
        ),
        interaction("view_submission", "dialog"),
        interaction("view_closed", "dialog closed"),
        interaction("block_suggestion", "suggestion"),
        interaction("shortcut", "shortcut"),
        interaction("message_action", "shortcut"),
        interaction("block_actions", "button:refresh", actions=[{"action_id": "refresh"}]),
        interaction("block_actions", "button:", actions=[]),
        interaction("something new", "other"),
        (
            {"type": "message_action", "user": USER, "channel": {"id": "C0ML"}},
            Actor(
                id="U0DANA",
                workspace="T0ACME",
                home="T0ACME",
                channel_id="C0ML",
                entry_point="shortcut",
            ),
        ),
        (
            {
                "type": "event_callback",
                "team_id": "T0ACME",
                "enterprise_id": "E0ACME",
                "event": {"type": "app_home_opened", "user": "U0LEE", "user_team": "T0OTHER"},
            },
            Actor(
                id="U0LEE",
                workspace="T0ACME",
                home="T0OTHER",
                enterprise_id="E0ACME",
                entry_point="home",
            ),
        ),
        (
            {
                "type": "block_actions",
                "user": {"id": "U0LEE", "team_id": "T0OTHER"},
                "team": {"id": "T0ACME"},
                "enterprise": {"id": "E0ACME"},
                "container": {"channel_id": "C0ML"},
                "actions": [{"action_id": "watch"}],
            },
            Actor(
                id="U0LEE",
                workspace="T0ACME",
                home="T0OTHER",
                enterprise_id="E0ACME",
                channel_id="C0ML",
                entry_point="button:watch",
            ),
        ),
        (
            {
                "type": "view_submission",
                "user": {"id": "U0LEE", "team_id": "T0MORE"},
                "team": None,
                "enterprise": {"id": "E0ACME"},
                "is_enterprise_install": True,
            },
            Actor(
                id="U0LEE",
                workspace="T0MORE",
                home="T0MORE",
                enterprise_id="E0ACME",
                entry_point="dialog",
            ),
        ),
        (
            {
                "type": "view_submission",
                "user": USER,
                "team": {"id": "T0ACME", "enterprise_id": "E0ACME"},
            },
            Actor(
                id="U0DANA",
                workspace="T0ACME",
                home="T0ACME",
                enterprise_id="E0ACME",
                entry_point="dialog",
            ),
        ),
        (
            {
                "type": "event_callback",
                "team_id": "T0ACME",
                "event": {"type": "app_home_opened", "user": "U0DANA"},
            },
            Actor(id="U0DANA", workspace="T0ACME", entry_point="home"),
        ),
        (
            {
                "type": "event_callback",
                "team_id": "T0ACME",
                "event": STEP | {"workflow": {"id": "Wf1"}},
            },
            Actor(
                ActorKind.WORKFLOW,
                "Wf1",
                workspace="T0ACME",
                entry_point="workflow step",
                execution_id="Fx1",
            ),
        ),
        (
            {"type": "event_callback", "event": STEP},
            Actor(
                ActorKind.WORKFLOW,
                "workflow",
                entry_point="workflow step",
                execution_id="Fx1",
            ),
        ),
        ({"type": "event_callback", "event": {"type": "new"}}, Actor(entry_point="event")),
        ({"user": [], "team": "x", "actions": 7, "type": 3}, Actor(entry_point="other")),
    ],
)
def test_the_actor_of_a_payload(body: dict[str, Any], actor: Actor) -> None:
    assert actor_of(body) == actor


def test_suggestions_and_the_home_tab_do_not_count() -> None:
    points = ["command", "dialog", "button:jobs", "shortcut", "workflow step"]
    points += ["suggestion", "home", "event", "dialog closed", "other"]
    counted = [point for point in points if counts(Actor(id="U0DANA", entry_point=point))]
    assert counted == points[:5]
    assert not counts(Actor(entry_point="command"))
