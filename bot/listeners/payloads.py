"""Read checked payloads, which Bolt passes as plain dictionaries, into values with types.

https://docs.slack.dev/reference/interaction-payloads
"""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bot.access.rules import MalformedIdError, checked_id, checked_place, is_user_id
from bot.listeners.actor import channel_id_of, part, text, user_id_of
from bot.projects.message_state import MessageState
from bot.projects.request import plain_characters
from bot.slack.message import ReplyTarget
from bot.views.project import WATCH

Carried = TypeVar("Carried", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Click:
    """A click on a button, or on an option of a menu.

    Attributes:
        place: the person and the place of the button; the response URL can change the message.
        ts: the message with the button; empty in the home tab.
        value: the value that the button or the option carries.
        trigger_id: opens a dialog, for 3 seconds.
        view_id: the home tab or the dialog with the button; empty in a message.
        view_hash: the state of that view; Slack changes it with each publication.
    """

    place: ReplyTarget
    ts: str
    value: str
    trigger_id: str
    view_id: str = ""
    view_hash: str = ""


def reply_target_of(body: dict[str, Any]) -> ReplyTarget:
    """Read the person and the place from the payload of a command, a click or a shortcut.

    The reply to a shortcut on a message goes to the thread of that message.
    """
    container, message = part(body, "container"), part(body, "message")
    thread = thread_ts = text(container, "thread_ts") or text(message, "thread_ts") or None
    if body.get("type") == "message_action":
        thread_ts = thread_ts or text(message, "ts") or None
    return ReplyTarget(
        user_id=user_id_of(body),
        channel_id=channel_id_of(body),
        response_url=text(body, "response_url") or None,
        thread_ts=thread_ts,
        ephemeral_thread_ts=thread,
    )


def click(body: dict[str, Any]) -> Click:
    """Read a ``block_actions`` payload.

    Raises:
        MalformedIdError: the channel or the message has no id of Slack's form.
    """
    ts, view = text(part(body, "container"), "message_ts"), part(body, "view")
    return Click(
        place=checked(reply_target_of(body), ts),
        ts=ts,
        value=_value_of(body["actions"][0]),
        trigger_id=body.get("trigger_id", ""),
        view_id=str(view.get("id") or ""),
        view_hash=str(view.get("hash") or ""),
    )


def message_state(clicked: Click) -> MessageState:
    """Read what a button of a project's message carries.

    Raises:
        MalformedIdError: it is not a state, or the project has no id of a known form.
    """
    return checked_state(carried(MessageState, clicked.value))


def message_state_beside(body: dict[str, Any]) -> MessageState:
    """Read the state that the *Watch* button carries in the message that was clicked.

    Raises:
        MalformedIdError: the message has no such button, or its state is not one.
    """
    for block in _parts(body.get("message"), "blocks"):
        for element in _parts(block, "elements"):
            if element.get("action_id") == WATCH:
                return checked_state(carried(MessageState, _value_of(element)))
    raise MalformedIdError("a message carries no state")


def checked_state(state: MessageState) -> MessageState:
    """Return the state if the project has an id of a known form.

    Raises:
        MalformedIdError: it has not.
    """
    checked_id(state.project_id)
    return state


def carried(model: type[Carried], value: str) -> Carried:
    """Read the JSON that a button or a dialog of the bot carries.

    Raises:
        MalformedIdError: it is not what the bot writes.
    """
    try:
        return model.model_validate_json(value)
    except ValidationError:  # its text would repeat the value, with a response URL, in the log
        raise MalformedIdError("a button or a view carries an unknown state") from None


def _parts(whole: object, name: str) -> list[dict[str, Any]]:
    """Return the objects in a list of a payload; none where the payload has another form."""
    parts = whole.get(name) if isinstance(whole, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _value_of(element: dict[str, Any]) -> str:
    """Return the value of a button, or of the option that was chosen; empty without one."""
    option = element.get("selected_option")
    value = (option if isinstance(option, dict) else element).get("value")
    return value if isinstance(value, str) else ""


def checked(place: ReplyTarget, ts: str = "") -> ReplyTarget:
    """Return the place if its ids, the message's and the threads', have the form of Slack's ids.

    Raises:
        MalformedIdError: one has another form.
    """
    for each in (ts, place.thread_ts, place.ephemeral_thread_ts):
        checked_place(place.channel_id, each or "")
    return place


def usable(place: ReplyTarget) -> ReplyTarget:
    """Return the place without the parts that have no form of Slack's; they reach nobody."""
    user_id = place.user_id if is_user_id(place.user_id) else ""
    try:
        return replace(checked(place), user_id=user_id)
    except MalformedIdError:
        return ReplyTarget(user_id, response_url=place.response_url)


def field(view: dict[str, Any], name: str) -> str:
    """Read the typed or chosen value of a field of a submitted dialog."""
    state: dict[str, Any] = view["state"]["values"].get(name, {}).get(name, {})
    chosen = state.get("selected_option") or {}
    value = state.get("value") or chosen.get("value") or state.get("selected_conversation")
    return plain_characters(str(value or ""))
