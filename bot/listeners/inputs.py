"""What Slack sends, read into values with types; Bolt hands it over as plain dictionaries.

https://docs.slack.dev/reference/interaction-payloads
"""

from dataclasses import dataclass
from typing import Any

from bot.posting import Place


@dataclass(frozen=True, slots=True)
class Click:
    """A click on a button.

    Attributes:
        place: where the button is; its response URL can change the message.
        ts: the message that the button is on; empty in the home tab.
        value: what the button carries.
        trigger_id: opens a dialog, for 3 seconds.
    """

    place: Place
    ts: str
    value: str
    trigger_id: str


def command_place(command: dict[str, Any]) -> Place:
    """Read where a slash command was typed."""
    return Place(
        user_id=command.get("user_id", ""),
        channel_id=command.get("channel_id", ""),
        response_url=command.get("response_url") or None,
    )


def click(body: dict[str, Any]) -> Click:
    """Read a ``block_actions`` payload."""
    container = body.get("container", {})
    action = body["actions"][0]
    return Click(
        place=Place(
            user_id=body["user"]["id"],
            channel_id=container.get("channel_id", ""),
            response_url=body.get("response_url"),
            thread_ts=container.get("thread_ts") or body.get("message", {}).get("thread_ts"),
        ),
        ts=container.get("message_ts", ""),
        value=action.get("value", ""),
        trigger_id=body.get("trigger_id", ""),
    )


def shortcut_place(body: dict[str, Any]) -> Place:
    """Read where a shortcut was used; one on a message is answered in that message's thread."""
    message = body.get("message", {})
    return Place(
        user_id=body["user"]["id"],
        channel_id=body.get("channel", {}).get("id", ""),
        response_url=body.get("response_url"),
        thread_ts=message.get("thread_ts") or message.get("ts"),
    )


def place_of(body: dict[str, Any]) -> Place:
    """Read, as far as anything tells, who did something and where."""
    container, channel = body.get("container", {}), body.get("channel", {})
    return Place(
        user_id=body.get("user", {}).get("id", ""),
        channel_id=container.get("channel_id") or channel.get("id", ""),
        response_url=body.get("response_url"),
        thread_ts=container.get("thread_ts"),
    )


def field(view: dict[str, Any], name: str) -> str:
    """Read what was typed or chosen in a field of a submitted dialog."""
    state: dict[str, Any] = view["state"]["values"].get(name, {}).get(name, {})
    chosen = state.get("selected_option") or {}
    value = state.get("value") or chosen.get("value") or state.get("selected_conversation")
    return str(value or "").strip()
