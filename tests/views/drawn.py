"""Checks that Slack accepts a message."""

import json
import re
from collections.abc import Iterator
from typing import Any

from bot.slack.message import Message

_DATE = re.compile(r"<!date\^-?\d+\^[^|<>&]+\|[^|<>&]+>")
_RAW = re.compile(r"[<>]|&(?!(?:amp|lt|gt);)")
_QUOTATION = re.compile(r"^> ", re.MULTILINE)


def texts(message: Message) -> Iterator[str]:
    """Return every mrkdwn text of a message: its own text and the texts in its blocks."""
    yield message.text
    yield from _mrkdwn(message.payload()["blocks"])


def _mrkdwn(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield value["text"]
        for inner in value.values():
            yield from _mrkdwn(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _mrkdwn(inner)


def assert_fit(message: Message) -> None:
    """Check the limits of Block Kit, and that every text of a person is escaped.

    https://docs.slack.dev/reference/block-kit/blocks
    """
    payload = message.payload()
    assert payload["text"].strip()
    assert 0 < len(payload["blocks"]) <= 50
    assert len(json.dumps(payload["blocks"])) < 10_000
    for block in payload["blocks"]:
        assert len(block.get("elements", [])) <= 10
    for text in texts(message):
        raw = _RAW.search(_QUOTATION.sub("", _DATE.sub("", text)))
        assert not raw, text[max(0, raw.start() - 40) : raw.end() + 40]
    for text in list(texts(message))[1:]:
        assert 0 < len(text) <= 3000
    assert len(message.text) <= 10_000
