"""Block Kit's limits: the longest valid value passes, one character or item more is refused."""

from collections.abc import Callable

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import SandboxSlack
from bot.sandbox.faults import Json
from bot.sandbox.slack.block_kit import message_problems, view_problems

Block = dict[str, Json]


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def section(**fields: Json) -> Block:
    return {"type": "section", "text": mrkdwn("x"), **fields}


def button(**fields: Json) -> Block:
    return {"type": "button", "action_id": "go", "text": plain("Go"), **fields}


def actions(*elements: Block) -> Block:
    return {"type": "actions", "elements": list(elements)}


def option(text: str = "x", value: str = "x") -> Block:
    return {"text": plain(text), "value": value}


def select(options: list[Block], **fields: Json) -> Block:
    return {"type": "static_select", "action_id": "choose", "options": options, **fields}


def field_input(**fields: Json) -> Block:
    element = {"type": "plain_text_input", "action_id": "name"}
    return {"type": "input", "label": plain("Name"), "element": element, **fields}


def modal(*blocks: Block, **fields: Json) -> Block:
    return {
        "type": "modal",
        "title": plain("Title"),
        "submit": plain("Go"),
        "blocks": list(blocks),
        **fields,
    }


IN_MESSAGES: dict[str, tuple[int, Callable[[int], list[Block]], str]] = {
    "blocks": (50, lambda n: [{"type": "divider"}] * n, "/blocks"),
    "section text": (3000, lambda n: [section(text=mrkdwn("x" * n))], "/blocks/0/text/text"),
    "header": (150, lambda n: [{"type": "header", "text": plain("x" * n)}], "/blocks/0/text/text"),
    "field": (2000, lambda n: [section(fields=[mrkdwn("x" * n)])], "/blocks/0/fields/0/text"),
    "fields": (10, lambda n: [section(fields=[mrkdwn("x")] * n)], "/blocks/0/fields"),
    "context": (
        10,
        lambda n: [{"type": "context", "elements": [mrkdwn("x")] * n}],
        "/blocks/0/elements",
    ),
    "actions": (
        25,
        lambda n: [actions(*(button(action_id=str(i)) for i in range(n)))],
        "/blocks/0/elements",
    ),
    "button text": (
        75,
        lambda n: [actions(button(text=plain("x" * n)))],
        "/blocks/0/elements/0/text/text",
    ),
    "button value": (
        2000,
        lambda n: [actions(button(value="x" * n))],
        "/blocks/0/elements/0/value",
    ),
    "button url": (
        3000,
        lambda n: [section(accessory=button(url="x" * n))],
        "/blocks/0/accessory/url",
    ),
    "option text": (
        75,
        lambda n: [actions(select([option("x" * n)]))],
        "/blocks/0/elements/0/options/0/text/text",
    ),
    "option value": (
        150,
        lambda n: [actions(select([option(value="x" * n)]))],
        "/blocks/0/elements/0/options/0/value",
    ),
    "options": (
        100,
        lambda n: [actions(select([option()] * n))],
        "/blocks/0/elements/0/options",
    ),
    "option group": (
        75,
        lambda n: [
            actions(
                {
                    "type": "static_select",
                    "action_id": "choose",
                    "option_groups": [{"label": plain("x" * n), "options": [option()]}],
                }
            )
        ],
        "/blocks/0/elements/0/option_groups/0/label/text",
    ),
    "placeholder": (
        150,
        lambda n: [actions(select([option()], placeholder=plain("x" * n)))],
        "/blocks/0/elements/0/placeholder/text",
    ),
    "confirm": (
        300,
        lambda n: [
            actions(
                button(
                    confirm={
                        "title": plain("Sure?"),
                        "text": mrkdwn("x" * n),
                        "confirm": plain("Yes"),
                        "deny": plain("No"),
                    }
                )
            )
        ],
        "/blocks/0/elements/0/confirm/text/text",
    ),
    "block_id": (255, lambda n: [section(block_id="x" * n)], "/blocks/0/block_id"),
    "action_id": (
        255,
        lambda n: [actions(button(action_id="x" * n))],
        "/blocks/0/elements/0/action_id",
    ),
}

IN_VIEWS: dict[str, tuple[int, Callable[[int], Block], str]] = {
    "title": (24, lambda n: modal(title=plain("x" * n)), "/view/title/text"),
    "submit": (24, lambda n: modal(submit=plain("x" * n)), "/view/submit/text"),
    "close": (24, lambda n: modal(close=plain("x" * n)), "/view/close/text"),
    "private_metadata": (
        3000,
        lambda n: modal(private_metadata="x" * n),
        "/view/private_metadata",
    ),
    "callback_id": (255, lambda n: modal(callback_id="x" * n), "/view/callback_id"),
    "blocks": (100, lambda n: modal(*[{"type": "divider"}] * n), "/view/blocks"),
    "label": (
        2000,
        lambda n: modal(field_input(label=plain("x" * n))),
        "/view/blocks/0/label/text",
    ),
}


@pytest.mark.parametrize("limit", IN_MESSAGES)
def test_a_message_may_reach_a_limit_but_not_pass_it(limit: str) -> None:
    most, build, pointer = IN_MESSAGES[limit]
    assert message_problems(build(most)) == []
    (problem,) = message_problems(build(most + 1))
    assert problem.startswith("[ERROR] ")
    assert problem.endswith(f"[json-pointer:{pointer}]")


@pytest.mark.parametrize("limit", IN_VIEWS)
def test_a_view_may_reach_a_limit_but_not_pass_it(limit: str) -> None:
    most, build, pointer = IN_VIEWS[limit]
    assert view_problems(build(most)) == []
    (problem,) = view_problems(build(most + 1))
    assert problem.endswith(f"[json-pointer:{pointer}]")


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([section(block_id="a"), section(block_id="a")], "block_id already exists"),
        ([actions(button(), button())], "action_id already exists"),
        ([actions()], "no less than 1 items allowed"),
        ([{"type": "section"}], "must define either `text` or `fields`"),
        ([section(text=mrkdwn(""))], "must be more than 0 characters"),
        ([section(text="x")], "must be a text of type mrkdwn or plain_text"),
        ([{"type": "header", "text": mrkdwn("x")}], "must be a text of type plain_text"),
        ([{"type": "header"}], "missing required field: text"),
        ([{"type": "poem"}], "unsupported type: poem"),
        (["x"], "unsupported type: None"),
        ({"type": "divider"}, "must be an array"),
        ([actions({"type": "button", "action_id": "go"})], "missing required field: text"),
    ],
)
def test_a_message_must_make_sense(blocks: Json, words: str) -> None:
    (problem,) = message_problems(blocks)
    assert words in problem


@pytest.mark.parametrize(
    "view",
    [
        None,
        {"type": "workflow_step"},
        modal(title=None),
        modal(field_input(), submit=None),
        {"type": "modal", "title": plain("x")},
    ],
)
def test_a_view_must_make_sense(view: Json) -> None:
    assert len(view_problems(view)) == 1


async def test_too_many_blocks_are_invalid_blocks(web: AsyncWebClient, slack: SandboxSlack) -> None:
    with pytest.raises(SlackApiError) as refusal:
        await web.chat_postMessage(channel="C0SANDBOX1", blocks=[section()] * 51, text="x")
    assert refusal.value.response["error"] == "invalid_blocks"
    assert refusal.value.response["response_metadata"]["messages"] == [
        "[ERROR] no more than 50 items allowed [json-pointer:/blocks]"
    ]
    assert slack.messages == []


@pytest.mark.parametrize(
    ("text", "blocks", "error"),
    [
        ("", [], "no_text"),
        ("x" * 40_001, [], "msg_too_long"),
        ("x", [section(text=mrkdwn("x" * 2950))] * 5, "msg_blocks_too_long"),
    ],
)
async def test_a_message_has_a_size(
    web: AsyncWebClient, text: str, blocks: list[Block], error: str
) -> None:
    with pytest.raises(SlackApiError) as refusal:
        # Not `chat_postMessage`, which warns of a missing text before Slack can refuse it.
        await web.api_call(
            "chat.postMessage", json={"channel": "C0SANDBOX1", "blocks": blocks, "text": text}
        )
    assert refusal.value.response["error"] == error


async def test_what_fits_is_posted(web: AsyncWebClient, slack: SandboxSlack) -> None:
    await web.chat_postMessage(
        channel="C0SANDBOX1", blocks=[section(text=mrkdwn("x" * 2950))] * 4, text="x" * 40_000
    )
    assert len(slack.messages) == 1


@pytest.mark.parametrize(("options", "fits"), [(1, False), (2, True), (5, True), (6, False)])
def test_a_menu_has_two_to_five_options(options: int, fits: bool) -> None:  # noqa: FBT001
    listed = [option(str(number), str(number)) for number in range(options)]
    menu = {"type": "overflow", "action_id": "more", "options": listed}
    assert (message_problems([actions(menu)]) == []) is fits


@pytest.mark.parametrize(("length", "fits"), [(150, True), (151, False)])
def test_the_value_of_a_menus_option_has_150_characters_at_most(length: int, fits: bool) -> None:  # noqa: FBT001
    listed = [option("a", "x" * length), option("b", "b")]
    menu = {"type": "overflow", "action_id": "more", "options": listed}
    assert (message_problems([actions(menu)]) == []) is fits
