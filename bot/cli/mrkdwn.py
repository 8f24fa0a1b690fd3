"""Slack's mrkdwn for a terminal.

https://docs.slack.dev/messaging/formatting-message-text
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.text import Text

_TOKEN = re.compile(
    r"""
      <!date\^(?P<at>\d+)\^(?P<format>[^|>]*)\|(?P<date>[^>]*)>
    | <(?P<url>(?:https?|mailto):[^|>]*)(?:\|(?P<label>[^>]*))?>
    | <[@#](?P<id>[A-Z0-9]+)[^>]*>
    | <!(?P<special>[^|>]*)(?:\|(?P<called>[^>]*))?>
    | `(?P<code>[^`\n]+)`
    | (?<![\w*])\*(?=\S)(?P<bold>[^*\n]+?)(?<=\S)\*(?![\w*])
    | (?<!\w)_(?=\S)(?P<italic>[^_\n]+?)(?<=\S)_(?!\w)
    | (?<![\w~])~(?=\S)(?P<struck>[^~\n]+?)(?<=\S)~(?![\w~])
    """,
    re.VERBOSE,
)
_STYLES = {"bold": "bold", "italic": "italic", "struck": "strike"}
_CODE, _LINK, _MENTION, _DIM = "magenta", "blue underline", "cyan", "dim"
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class Mrkdwn:
    """Turn mrkdwn into parts for a terminal.

    Attributes:
        names: the names to show for the ids of people and channels.
    """

    names: Mapping[str, str]

    def parts(self, source: str, style: str = "") -> Iterator[RenderableType]:
        """Yield paragraphs, quotations and blocks of code."""
        for number, part in enumerate(source.split("```")):
            if number % 2:
                code = Text(unescaped(part.strip("\n")), style=_CODE, overflow="fold")
                yield Padding(code, (0, 2))
            elif part.strip("\n"):
                yield from self._paragraphs(part.strip("\n"), style)

    def line(self, source: str, style: str = "") -> Text:
        """Return a text without blocks of code or quotations."""
        text = Text(style=style, overflow="fold")
        end = 0
        for found in _TOKEN.finditer(source):
            text.append(unescaped(source[end : found.start()]))
            text.append_text(self._token(found))
            end = found.end()
        return text.append(unescaped(source[end:]))

    def _paragraphs(self, source: str, style: str) -> Iterator[RenderableType]:
        for quoted, lines in groupby(source.split("\n"), lambda line: line.startswith(">")):
            if quoted:
                inner = "\n".join(line.removeprefix(">").strip() for line in lines)
                yield Quotation(self.line(inner, style))
            else:
                yield self.line("\n".join(lines), style)

    def _token(self, found: re.Match[str]) -> Text:
        match found.lastgroup and found.groupdict():
            case {"at": str(at), "format": str(shape), "date": str(date)}:
                return Text(_ago(int(at)) if "{ago}" in shape else unescaped(date))
            case {"url": str(url), "label": label}:
                shown = unescaped(label or url.removeprefix("mailto:"))
                return Text(shown, style=f"{_LINK} link {url}")
            case {"id": str(id_)}:
                return Text(self.names.get(id_, id_), style=_MENTION)
            case {"special": str(special), "called": called}:
                return Text(unescaped(called or f"@{special}"), style=_MENTION)
            case {"code": str(code)}:
                return Text(f"`{unescaped(code)}`", style=_CODE)
        (kind,) = (name for name in _STYLES if found[name])
        return self.line(found[kind], _STYLES[kind])


@dataclass(frozen=True, slots=True)
class Quotation:
    """A text with a bar at the left of each line.

    Attributes:
        text: the text.
    """

    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        bar = Segment("| " if options.ascii_only else "▌ ", console.get_style(_DIM))
        inner = options.update(width=max(1, options.max_width - 2))
        for line in console.render_lines(self.text, inner, pad=False):
            yield bar
            yield from line
            yield Segment.line()


def unescaped(text: str) -> str:
    """Return the text without the three escapes of Slack."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _ago(moment: int) -> str:
    """Return the age of a time in Slack's words."""
    passed = max(1, int(time.time()) - moment)
    size, unit = next(each for each in _UNITS if passed >= each[0])
    count = passed // size
    return f"{count} {unit}{'s' if count > 1 else ''} ago"
