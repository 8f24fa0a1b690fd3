"""Lines for a terminal or a pipe of any width and character set."""

import os
import shutil
import sys
import textwrap
from dataclasses import dataclass
from typing import TextIO

from bot.telemetry.redaction import escaped

GOOD, BAD, NOTE, UNPROVED = "✓", "✗", "!", "?"
_IN_LATIN_1 = str.maketrans({"✓": "[ok]", "✗": "[no]", "…": "...", "—": "-"})
_NARROWEST = 20  # columns
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a report.

    Attributes:
        mark: `GOOD`, `BAD`, `NOTE` or `UNPROVED`.
        name: the subject.
        text: the finding, with the cure.
    """

    mark: str
    name: str
    text: str


def show(line: Line, out: TextIO | None = None) -> None:
    """Write a line: names from outside cannot change the terminal, and no character fails."""
    out = out or sys.stdout
    text = escaped(f"{line.mark} {line.name}: {line.text}")
    if out.isatty():
        width = max(_NARROWEST, shutil.get_terminal_size().columns - 1)
        text = textwrap.fill(text, width, subsequent_indent=_INDENT, break_on_hyphens=False)
    try:
        out.write(f"{encodable(text, out.encoding)}\n")
        out.flush()
    except BrokenPipeError:  # `check | head -1`; without this, the exit writes a traceback
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def encodable(text: str, encoding: str | None) -> str:
    """Return the text with replacements for characters that the encoding lacks."""
    encoding = encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.translate(_IN_LATIN_1)
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    return text
