"""The last lines of a job's log, as a block of code."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from bot.projects.request import BIDIRECTIONAL
from bot.views.text import escape

MOST_LINES = 20  # of a log
_MOST_LOG = 2000  # characters
_MOST_ESCAPED = 2900  # characters; a section holds 3,000, and an escaped "&" has five
_MOST_READ = 2000  # characters of a line; longer lines would block the event loop
# Control sequences of terminals: colors, titles and links, character sets, control characters.
_NOT_TEXT = re.compile(
    r"""
      \x1b\[[0-?]*[ -/]*[@-~]
    | \x1b[]PX^_][^\x07\x1b]*
    | \x1b[ -/]*[0-~]
    | [\x00-\x08\x0a-\x1f\x7f-\x9f]
    """,
    re.VERBOSE,
)


def log_lines(logged: Iterable[str], most: int = MOST_LINES) -> list[str]:
    """Return the last lines without colors, overwritten progress bars and empty lines.

    Controls of the writing direction are removed.

    Args:
        logged: the messages of the log, the oldest first. A message can have several lines.
        most: the maximum number of lines.
    """
    lines = [line for message in logged for line in message.split("\n")]
    shown = (_as_shown(line) for line in reversed(lines))
    return list(islice((line for line in shown if line.strip()), most))[::-1]


def _as_shown(line: str) -> str:
    line = line.rstrip().rpartition("\r")[2]
    if len(line) > _MOST_READ:
        # The redactor does not recognize half of a secret, so the last, incomplete word is dropped.
        whole = line[:_MOST_READ].rsplit(maxsplit=1)[:-1]
        line = " ".join([*whole, "…"])
    return BIDIRECTIONAL.sub("", _NOT_TEXT.sub("", line)).expandtabs(4)


def log_tail(lines: Sequence[str]) -> str:
    """Return the last lines of a log as code, as many as fit; empty without lines."""
    kept: list[str] = []
    room, room_escaped = _MOST_LOG, _MOST_ESCAPED
    for line in reversed(lines[-MOST_LINES:]):
        disarmed = line.replace("`", "'")
        if not kept:
            disarmed = _cut(disarmed, room - 1, room_escaped - 1)
        room -= len(disarmed) + 1
        room_escaped -= len(escape(disarmed)) + 1
        if min(room, room_escaped) < 0:
            break
        kept.append(escape(disarmed))
    code_block = "\n".join(reversed(kept))
    return f"*Last log lines*\n```{code_block}```" if kept else ""


def _cut(line: str, most: int, most_escaped: int) -> str:
    """Return a line within two limits: one for its length, one for its escaped length."""
    size = 0
    for at, character in enumerate(line):
        size += len(escape(character))
        if at >= most or size > most_escaped:
            return line[: at - 1] + "…"
    return line
