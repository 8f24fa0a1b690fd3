"""A payload of any form is read, or refused as one that the bot did not make."""

from typing import Any

import pytest

from bot.access.rules import MalformedIdError
from bot.listeners.payloads import click, message_state_beside

STATE = '{"project_id": "n4q95w5", "team": "Research", "outcome": "existed"}'


def message(*elements: Any) -> dict[str, Any]:
    return {"blocks": [{"type": "divider"}, {"type": "actions", "elements": list(elements)}]}


def test_the_state_of_a_menu_is_the_one_of_the_button_beside_it() -> None:
    body = {"message": message({"action_id": "more"}, {"action_id": "watch", "value": STATE})}
    assert message_state_beside(body).project_id == "n4q95w5"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": None},
        {"message": "text"},
        {"message": {}},
        {"message": {"blocks": None}},
        {"message": {"blocks": {"a": 1}}},
        {"message": {"blocks": ["a", 1, None, {}]}},
        {"message": {"blocks": [{"elements": None}]}},
        {"message": {"blocks": [{"elements": 3}]}},
        {"message": {"blocks": [{"elements": ["watch", None]}]}},
        {"message": message({"action_id": "watch"})},
        {"message": message({"action_id": "watch", "value": 3})},
        {"message": message({"action_id": "watch", "value": "{}"})},
        {"message": message({"action_id": "watch", "value": STATE.replace("n4", "../")})},
        {"message": message({"action_id": "jobs", "value": STATE})},
    ],
)
def test_a_message_without_a_state_of_the_bot_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedIdError):
        message_state_beside(body)


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ({"value": "a"}, "a"),
        ({"selected_option": {"value": "refresh"}}, "refresh"),
        ({"selected_option": "refresh"}, ""),
        ({"selected_option": {"value": 3}}, ""),
        ({"selected_option": {}}, ""),
        ({"value": None}, ""),
        ({}, ""),
    ],
)
def test_a_click_has_the_value_of_its_button_or_option(action: dict[str, Any], value: str) -> None:
    body = {
        "user": {"id": "U0DANA0001"},
        "container": {"channel_id": "C0SANDBOX1", "message_ts": "1795453800.000100"},
        "actions": [action],
    }
    assert click(body).value == value
