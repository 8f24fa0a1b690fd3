"""The actions on elements, as they stand in the payload of a click."""

from bot.sandbox.faults import Json
from bot.sandbox.slack import block_kit
from bot.sandbox.slack.payloads import STATE_FIELDS


def act(
    blocks: list[dict[str, Json]],
    action_id: str,
    *,
    value: Json,
    selected: Json,
    ts: str,
) -> dict[str, Json]:
    """Return the entry of `actions` in `block_actions` for an action on an element.

    Args:
        blocks: the blocks with the element.
        action_id: the id of the element.
        value: the typed text, the value of one of several buttons, or another value for a button.
        selected: the choice: an option or its value, a user, a channel, a date; or a list of them.
        ts: the time of the action.

    Raises:
        LookupError: the blocks have no such element, or the element no such option.
    """
    everything = list(block_kit.elements(blocks))
    found = [each for each in everything if each[1]["action_id"] == action_id]
    if not found:
        there = sorted(element["action_id"] for _, element in everything)
        raise LookupError(f"nothing called {action_id!r} to act on; there is {there}")
    # Blocks can repeat an action id; the button with this value is meant.
    same = [each for each in found if value is not None and each[1].get("value") == value]
    block_id, element = (same or found)[0]
    kind = element["type"]
    action: dict[str, Json] = {
        "action_id": action_id,
        "block_id": block_id,
        "type": kind,
        "action_ts": ts,
    }
    if kind == "button":
        shown = {key: element[key] for key in ("text", "url", "style", "value") if key in element}
        return action | shown | ({} if value is None else {"value": value})
    field = STATE_FIELDS[kind]
    if field == "value":
        return action | {"value": value}
    if field == "selected_options":
        return action | {field: [_option(element, one) for one in selected or []]}
    if field == "selected_option" and selected is not None:
        return action | {field: _option(element, selected)}
    return action | {field: selected}


def _option(element: dict[str, Json], selected: Json) -> Json:
    """Return the option with this value; return an option object unchanged."""
    if isinstance(selected, dict):
        return selected
    options = list(element.get("options", []))
    for group in element.get("option_groups", []):
        options.extend(group["options"])
    for option in options:
        if option["value"] == selected:
            return option
    missing = f"no option {selected!r}; there is {[option['value'] for option in options]}"
    raise LookupError(missing)
