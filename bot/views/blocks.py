"""The Block Kit elements that the views use."""

import re
from typing import Any

from bot.slack.message import Block, Message

MOST_TEXT = 3000  # characters in a section, https://docs.slack.dev/reference/block-kit/blocks


# Text that Slack turns into a mention, a channel or a link by itself, such as a bare @everyone.
_WOULD_EXPAND = re.compile(r"(?<![\w<])(?:[@#]\w|https?://|www\.)")


def mrkdwn(text: str) -> dict[str, Any]:
    """Return a text object in which Slack creates no mentions or links by itself.

    https://docs.slack.dev/reference/block-kit/composition-objects/text-object
    """
    made = {"type": "mrkdwn", "text": text}
    return made | {"verbatim": True} if _WOULD_EXPAND.search(text) else made


def section(text: str) -> Block:
    """Return a section of mrkdwn, cut to Slack's limit of 3,000 characters."""
    shown = text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"
    return {"type": "section", "text": mrkdwn(shown)}


def context(*lines: str) -> Block:
    """Return a block of small print."""
    return {"type": "context", "elements": [mrkdwn(line) for line in lines]}


def divider() -> Block:
    """Return a line between blocks."""
    return {"type": "divider"}


def actions(*elements: dict[str, Any]) -> Block:
    """Return a row of buttons."""
    return {"type": "actions", "elements": list(elements)}


def button(label: str, action_id: str, **more: str) -> dict[str, Any]:
    """Return a button.

    https://docs.slack.dev/reference/block-kit/block-elements/button-element

    Args:
        label: the text on the button.
        action_id: the id by which the listener receives the click.
        more: the button's ``value``, ``url`` or ``style``.
    """
    text = {"type": "plain_text", "text": label, "emoji": False}
    return {"type": "button", "text": text, "action_id": action_id, **more}


def overflow(action_id: str, *options: tuple[str, str]) -> dict[str, Any]:
    """Return a menu of two to five options, each with its text and its value.

    https://docs.slack.dev/reference/block-kit/block-elements/overflow-menu-element
    """
    shown = [
        {"text": {"type": "plain_text", "text": label, "emoji": False}, "value": value}
        for label, value in options
    ]
    return {"type": "overflow", "action_id": action_id, "options": shown}


def plain(text: str, *more: str) -> Message:
    """Return a message of one section with small print, and with the same words as its text."""
    blocks = [section(text)]
    small = [line for line in more if line]
    if small:
        blocks.append(context(*small))
    return Message("\n".join((text, *small)), blocks)
