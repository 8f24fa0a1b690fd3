"""The message with events of the audit log, for `AUDIT_CHANNEL`."""

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate

from bot.access.audit import Event
from bot.access.rules import is_user_id
from bot.slack.message import Message
from bot.views.blocks import section
from bot.views.mentions import person
from bot.views.text import bold, code, date, say

MOST_EVENTS = 40  # of one message, which can have 50 blocks
_LONGEST = 10_000  # characters of all blocks; Slack refuses a message near 13,000
_AROUND = 80  # characters of a block around its line


def fitting(events: Sequence[Event]) -> int:
    """Return how many of the events, from the first, fit into one message; at least one."""
    sizes = accumulate(len(_line(event)) + _AROUND for event in events[:MOST_EVENTS])
    return max(1, sum(size <= _LONGEST for size in sizes))


def audit_message(events: Sequence[Event]) -> Message:
    """Return a message with a section for each event."""
    lines = [_line(event) for event in events]
    return Message("\n".join(lines), [section(line) for line in lines])


def _line(event: Event) -> str:
    """Return the line of an event: first the act, then the place, the rule and the time."""
    who = person(event.actor) if is_user_id(event.actor) else code(event.actor)
    what = [bold(event.name) if event.name else code(event.project) if event.project else ""]
    what += [f"in {bold(event.team)}" if event.team else "", event.job and f"job {code(event.job)}"]
    where = f"{say(event.entry_point)} in {code(event.channel)}" if event.channel else ""
    parts = [
        " ".join(filter(None, (f"{who} {say(event.outcome)}", *what))),
        where or say(event.entry_point),
        say(event.rule),
        date(datetime.fromisoformat(event.time)),
    ]
    return " · ".join(filter(None, parts))
