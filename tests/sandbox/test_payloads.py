"""The payloads of actions on each kind of element, and the initial state of each kind."""

import pytest

from bot.sandbox.faults import Json
from bot.sandbox.slack.acts import act
from bot.sandbox.slack.payloads import escape, state_values
from bot.sandbox.slack.records import PostedMessage

GROUPED = [{"text": {"type": "plain_text", "text": text}, "value": text} for text in ("S", "M")]


def message(**element: Json) -> PostedMessage:
    block = {"type": "actions", "block_id": "b", "elements": [{"action_id": "a", **element}]}
    return PostedMessage("C1", "1.0", None, "", [block], "chat.postMessage")


@pytest.mark.parametrize(
    ("element", "done", "said"),
    [
        ({"type": "plain_text_input"}, {"value": "hi"}, {"value": "hi"}),
        ({"type": "users_select"}, {"selected": "U1"}, {"selected_user": "U1"}),
        ({"type": "datepicker"}, {"selected": "2026-11-23"}, {"selected_date": "2026-11-23"}),
        (
            {"type": "checkboxes", "options": GROUPED},
            {"selected": ["S", "M"]},
            {"selected_options": GROUPED},
        ),
        ({"type": "checkboxes", "options": GROUPED}, {}, {"selected_options": []}),
        (
            {"type": "static_select", "option_groups": [{"options": GROUPED}]},
            {"selected": "M"},
            {"selected_option": GROUPED[1]},
        ),
        (
            {"type": "external_select"},
            {"selected": GROUPED[0]},
            {"selected_option": GROUPED[0]},
        ),
        ({"type": "static_select", "options": GROUPED}, {}, {"selected_option": None}),
    ],
)
def test_an_act_says_what_was_chosen(
    element: dict[str, Json], done: dict[str, Json], said: dict[str, Json]
) -> None:
    chosen = act(
        message(**element).blocks, "a", ts="2.0", **{"value": None, "selected": None} | done
    )
    common = {"action_id": "a", "block_id": "b", "type": element["type"], "action_ts": "2.0"}
    assert chosen == common | said


@pytest.mark.parametrize(
    ("element", "state"),
    [
        ({"type": "plain_text_input", "initial_value": "x"}, {"value": "x"}),
        (
            {"type": "static_select", "initial_option": GROUPED[0]},
            {"selected_option": GROUPED[0]},
        ),
        ({"type": "checkboxes"}, {"selected_options": []}),
        ({"type": "users_select", "initial_user": "U1"}, {"selected_user": "U1"}),
    ],
)
def test_an_element_starts_with_what_it_was_given(
    element: dict[str, Json], state: dict[str, Json]
) -> None:
    values = state_values(message(**element).blocks)
    assert values == {"b": {"a": {"type": element["type"], **state}}}


def test_a_button_holds_nothing() -> None:
    assert state_values(message(type="button").blocks) == {}


def test_a_command_is_escaped_as_slack_does() -> None:
    assert escape("<@U1> & \"x\" 'y'") == "&lt;@U1&gt; &amp; \"x\" 'y'"
