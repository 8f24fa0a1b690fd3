"""Text for Slack: escaped, cut to a length, with dates in the viewer's time zone."""

import re
import unicodedata
from datetime import UTC, datetime
from html import unescape

from bot.projects.request import BIDIRECTIONAL
from bot.telemetry.redaction import redact

# Dates, mentions, code and bold text, as the functions below write them.
_MARKUP = re.compile(
    r"""
      <!date\^-?\d+\^[^|<>]*\|(?P<date>[^<>]*)>
    | <[@#](?P<id>[^<>|]*)>
    | ```(?P<block>.*?)\n?```
    | `(?P<code>[^`\n]*)`
    | (?<![\w*])\*(?=\S)(?P<bold>.+?)(?<=\S)\*(?![\w*])
    """,
    re.VERBOSE,
)
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def escape(text: str) -> str:
    """Return a text of a person or an API without active mentions, links and entities.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shorten(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters. A text that is cut ends with an ellipsis.

    Secrets are redacted first, because the redactor does not recognize half of a secret. Controls
    of the writing direction are removed.
    """
    text = BIDIRECTIONAL.sub("", redact(text))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def say(text: str, most: int = 100) -> str:
    """Return a text of a person or an API as one line of mrkdwn: first cut, then escaped."""
    return isolated(escape(shorten(" ".join(text.split()), most)))


def isolated(text: str) -> str:
    """Return a text that does not turn the words around it from right to left."""
    turns = not text.isascii() and any(unicodedata.bidirectional(c) in {"R", "AL"} for c in text)
    return f"\u2068{text}\u2069" if turns else text


def bold(text: str, most: int = 100) -> str:
    """Return a text as one bold line of mrkdwn."""
    return f"*{say(text, most)}*"


def code(text: str, most: int = 100) -> str:
    """Return a text as code with its spaces. Apostrophes replace backticks, which end code."""
    line = " ".join(text.splitlines()).replace("`", "'")
    return f"`{escape(shorten(line, most))}`"


def to_copy(text: str, most: int = 300) -> str:
    """Return a command as code to copy; empty if Slack cannot show it exactly as it must be typed.

    A backtick ends code within a line, so a command with one is a block of its own. A command that
    is too long, or has a secret or a control character in it, is not shown.
    """
    if shorten(text, most) != text or text.splitlines() != [text] or "```" in text:
        return ""
    end = "\n" if text.endswith("`") else ""
    return f"```{escape(text)}{end}```" if "`" in text else code(text, most)


def quote(text: str, most: int = 400, lines: int = 12) -> str:
    """Return a text as a quotation of at most ``lines`` lines."""
    kept = shorten(text.strip(), most).splitlines()
    if len(kept) > lines:
        kept = [*kept[: lines - 1], "…"]
    return "\n".join(f"> {escape(line)}" for line in kept)


def utc(moment: datetime) -> str:
    """Return a time in UTC, as in ``2026-11-23 17:10 UTC``."""
    try:
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except OverflowError:  # at the limits of ``datetime``
        return moment.isoformat()


def date(moment: datetime) -> str:
    """Return a time that Slack shows in each viewer's time zone, with a fallback in UTC.

    https://docs.slack.dev/messaging/formatting-message-text#date-formatting
    """
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} at {{time}}|{utc(moment)}>"


def ago(moment: datetime) -> str:
    """Return a time that Slack shows as ``3 hours ago``, with a fallback in UTC.

    https://docs.slack.dev/messaging/formatting-message-text#date-formatting
    """
    return f"<!date^{int(moment.timestamp())}^{{ago}}|{utc(moment)}>"


def duration(seconds: float) -> str:
    """Return a duration in its one or two largest units, as in ``2 hours 5 minutes``."""
    left = max(1, round(seconds))
    parts = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return " ".join(parts[:2])


def listing(words: list[str], word: str = "and") -> str:
    """Return the words as a list in a sentence: ``a, b and c``."""
    *first, last = words
    return f"{', '.join(first)} {word} {last}" if first else last


def without_markup(mrkdwn: str) -> str:
    """Return a text for a place without markup, such as a step's error.

    Dates are in UTC. The name of a person or a channel is unknown here: mrkdwn mentions only the
    person, or the channel, that an operator has named to ask.
    """
    return unescape(_MARKUP.sub(_bare, mrkdwn))


def _bare(found: re.Match[str]) -> str:
    if found["id"] is not None:
        return "the person who runs this bot"
    return next(text for text in found.group("date", "block", "code", "bold") if text is not None)
