"""Words for Slack: escaped, cut to a length, dates in each viewer's own time zone."""

from datetime import UTC, datetime

from bot.telemetry.redaction import redact

COMMAND = "/training-project"

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def escape(text: str) -> str:
    """Disarm mentions, links and entities in what a person or an API wrote.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shorten(text: str, most: int) -> str:
    """Cut a text to ``most`` characters, the last of them an ellipsis where something is gone.

    Secrets are taken out first: the half of one would no longer look like one.
    """
    text = redact(text)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def say(text: str, most: int = 100) -> str:
    """Make what a person or an API wrote fit for one line of mrkdwn, cut before it is escaped."""
    return escape(shorten(" ".join(text.split()), most))


def bold(text: str, most: int = 100) -> str:
    """Show a text in bold."""
    return f"*{say(text, most)}*"


def code(text: str, most: int = 100) -> str:
    """Show a text as code, its spaces kept; a backtick, which would end it, turns apostrophe."""
    line = " ".join(text.splitlines()).replace("`", "'")
    return f"`{escape(shorten(line, most))}`"


def quote(text: str, most: int = 400, lines: int = 12) -> str:
    """Show a text as a quotation of a few lines."""
    kept = shorten(text.strip(), most).splitlines()
    if len(kept) > lines:
        kept = [*kept[: lines - 1], "…"]
    return "\n".join(f"> {escape(line)}" for line in kept)


def utc(moment: datetime) -> str:
    """Write a moment in UTC, as ``2026-11-23 17:10 UTC``."""
    try:
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except OverflowError:  # at the ends of what a date can be
        return moment.isoformat()


def date(moment: datetime) -> str:
    """Show a moment in each viewer's own time zone, with a fallback in UTC.

    https://docs.slack.dev/messaging/formatting-message-text#date-formatting
    """
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} at {{time}}|{utc(moment)}>"


def ago(moment: datetime) -> str:
    """Show how long ago a moment was, as ``3 hours ago``, with a fallback in UTC."""
    return f"<!date^{int(moment.timestamp())}^{{ago}}|{utc(moment)}>"


def duration(seconds: float) -> str:
    """Say a duration in its one or two largest units, as ``2 hours 5 minutes``."""
    left = max(1, round(seconds))
    parts = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return " ".join(parts[:2])


def listing(words: list[str], word: str = "and") -> str:
    """Join words as a person does: ``a, b and c``."""
    *first, last = words
    return f"{', '.join(first)} {word} {last}" if first else last
