"""The actor of a payload. Pure.

https://docs.slack.dev/reference/interaction-payloads
"""

from typing import Any

from bot.access.rules import WORKFLOW, Actor, ActorKind

_INTERACTIONS = {
    "view_submission": "dialog",
    "view_closed": "dialog closed",
    "block_suggestion": "suggestion",
    "shortcut": "shortcut",
    "message_action": "shortcut",
}
_EVENTS = {
    "app_home_opened": "home",
    "function_executed": "workflow step",
    "link_shared": "link",
}
_UNCOUNTED = frozenset({"dialog closed", "suggestion", "home", "link", "event", "other"})


def actor_of(body: dict[str, Any]) -> Actor:
    """Return the actor of any payload; a field that is missing, or of another type, is empty."""
    if body.get("type") == "event_callback":
        return _of_event(body, part(body, "event"))
    team, home = part(body, "team"), text(part(body, "user"), "team_id")
    return Actor(
        id=user_id_of(body),
        # In an organization "team" can be null: then the request is from the person's workspace.
        workspace=text(body, "team_id") or text(team, "id") or home,
        home=home,
        enterprise_id=text(body, "enterprise_id")
        or text(part(body, "enterprise"), "id")
        or text(team, "enterprise_id"),
        channel_id=channel_id_of(body),
        entry_point=_entry_point(body),
    )


def user_id_of(body: dict[str, Any]) -> str:
    """Return the person of a command or an interaction."""
    return text(body, "user_id") or text(part(body, "user"), "id")


def channel_id_of(body: dict[str, Any]) -> str:
    """Return the channel of a command or an interaction; empty without one."""
    return (
        text(body, "channel_id")
        or text(part(body, "container"), "channel_id")
        or text(part(body, "channel"), "id")
    )


def counts(actor: Actor) -> bool:
    """Return whether the request counts towards the limits of its actor."""
    return actor.entry_point not in _UNCOUNTED and bool(actor.id)


def _of_event(body: dict[str, Any], event: dict[str, Any]) -> Actor:
    kind = text(event, "type")
    step = kind == "function_executed"
    workflow = text(event, "workflow_id") or text(part(event, "workflow"), "id")
    return Actor(
        kind=ActorKind.WORKFLOW if step else ActorKind.PERSON,
        id=(workflow or WORKFLOW) if step else text(event, "user"),
        workspace=text(body, "team_id"),
        home=text(event, "user_team"),
        enterprise_id=text(body, "enterprise_id"),
        channel_id=text(event, "channel"),
        entry_point=_EVENTS.get(kind, "event"),
        execution_id=text(event, "function_execution_id") if step else "",
    )


def _entry_point(body: dict[str, Any]) -> str:
    if "command" in body:
        return "command"
    kind = text(body, "type")
    if kind != "block_actions":
        return _INTERACTIONS.get(kind, "other")
    actions = body.get("actions")
    first = actions[0] if isinstance(actions, list) and actions else {}
    return f"button:{text(first, 'action_id') if isinstance(first, dict) else ''}"


def part(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object in a payload; an empty one if it is missing, or of another type."""
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def text(body: dict[str, Any], name: str) -> str:
    """Return a text in a payload; empty if it is missing, or of another type."""
    found = body.get(name)
    return found if isinstance(found, str) else ""
