"""Protect task ids from redaction.

A task id is a kind, a colon, and Slack ids or random hexadecimal digits. No secret matches this
format.
"""

import re

from bot.telemetry.hints import Hints

# A kind that is missing here can have its ids redacted. A version can follow the kind: watch/1.
KINDS = (
    "act",
    "approval",
    "approval card",
    "approval decision",
    "approval outcome",
    "approved",
    "audit",
    "command",
    "dialog",
    "follow",
    "followed",
    "near name",
    "notification",
    "show",
    "step",
    "stop",
    "stop_all",
    "tell me",
    "unfollow",
    "unfollowed",
    "watch",
    "watch job",
)

_FIRST = r"""(?:
    \d{1,20}\.\d{1,20}\.[0-9a-z]{1,40}  # a trigger
  | \d{10}\.\d{6}                       # a message
  | [A-Z]x?[A-Z0-9]{6,13}               # a channel, a view, a workflow step
  | [0-9a-f]{32}                        # a watch
)"""
_NEXT = rf"(?:{_FIRST}|[0-9a-f]{{16}}|\d{{1,9}})"
_KIND = "|".join(re.escape(kind) for kind in KINDS)
_TASK_ID = re.compile(
    # A longer word is no task id.
    rf"(?:{_KIND})(?:/\d{{1,3}})?:{_FIRST}(?::{_NEXT})*(?!\.?[A-Za-z0-9_])",
    re.VERBOSE,
)
_HINTS = Hints(patterns=[f"(?x)(?:{_KIND})[:/]"])
STAND_IN = "\U000f0000"  # a private-use character; no pattern has it


def set_aside(text: str) -> tuple[str, list[str]]:
    """Return the text with a stand-in for each task id, and the ids in order."""
    if not _HINTS.are_in(text):
        return text, []
    ids: list[str] = []

    def stand_in(found: re.Match[str]) -> str:
        ids.append(found[0])
        return STAND_IN

    return _TASK_ID.sub(stand_in, text.replace(STAND_IN, "?")), ids


def put_back(text: str, ids: list[str]) -> str:
    """Return the text with its stand-ins replaced by the ids."""
    parts = text.split(STAND_IN) if ids else [text]
    return "".join(part + task_id for part, task_id in zip(parts, [*ids, ""], strict=True))
