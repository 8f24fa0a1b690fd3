"""Draw Block Kit with rich."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from bot.cli.controls import Control, controls_of
from bot.cli.mrkdwn import Mrkdwn, unescaped

_SMALL = "dim"
_STYLES = {"primary": "bold green", "danger": "bold red"}


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draw blocks similar to Slack.

    Attributes:
        names: the names to show for the ids of people and channels.
    """

    names: Mapping[str, str]

    def draw(self, blocks: Sequence[dict[str, Any]]) -> Group:
        """Return the blocks; their controls have the numbers of `controls`."""
        numbers = itertools.count(1)
        return Group(*(part for block in blocks for part in self._block(block, numbers)))

    def text(self, source: str) -> Group:
        """Return a message without blocks."""
        return Group(*Mrkdwn(self.names).parts(source))

    def _block(self, block: dict[str, Any], numbers: Iterator[int]) -> Iterator[RenderableType]:
        yield from self._content(block)
        buttons = [_button(next(numbers), control) for control in controls_of(block)]
        if buttons:
            yield Columns(buttons, padding=(0, 2))

    def _content(self, block: dict[str, Any]) -> Iterator[RenderableType]:
        """Yield a block without its controls."""
        match block:
            case {"type": "actions"}:
                return
            case {"type": "divider"}:
                yield Rule(style=_SMALL)
            case {"type": "header", "text": {"text": str(text)}}:
                yield Text(text, style="bold")
            case {"type": "context", "elements": list(elements)}:
                yield from self._texts(elements, _SMALL)
            case {"type": "section"}:
                yield from self._texts([block.get("text"), *block.get("fields", [])])
            case {"type": "rich_text" | "markdown"}:
                yield Padding(Text("\n".join(_texts(block)), overflow="fold"), (0, 2))
            case {"type": "input"}:
                yield _field(block)
            case _:
                yield Text(str(block.get("alt_text") or f"({block['type']})"), style=_SMALL)

    def _texts(
        self, texts: Sequence[dict[str, Any] | None], style: str = ""
    ) -> Iterator[RenderableType]:
        for text in texts:
            yield from self._text(text, style)

    def _text(self, text: dict[str, Any] | None, style: str = "") -> Iterator[RenderableType]:
        match text:
            case {"type": "mrkdwn", "text": str(source)}:
                yield from Mrkdwn(self.names).parts(source, style)
            case {"text": str(plain)}:
                yield Text(plain, style=style)
            case {"alt_text": str(instead)}:
                yield Text(instead, style=style)


def state_text(state: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Return the content of a field as a person reads it; empty without one.

    Args:
        state: the state of the element, as Slack sends it.
        names: the names to show for the ids of people and channels.
    """
    values = [value for key, value in state.items() if key != "type" and value]
    listed = [one for value in values for one in (value if isinstance(value, list) else [value])]
    shown = [
        str(one["text"]["text"]) if isinstance(one, dict) else names.get(str(one), str(one))
        for one in listed
    ]
    return ", ".join(shown)


def _button(number: int, control: Control) -> Text:
    style = _STYLES.get(control.style, "bold" if control.option is None else "")
    return Text(f"[ {number} {unescaped(control.label)} ]", style=style)


def _field(block: dict[str, Any]) -> Text:
    text = Text(block["label"]["text"], style="bold")
    if block.get("optional"):
        text.append(" (optional)", style=_SMALL)
    if hint := block.get("hint"):
        text.append(f"\n  {hint['text']}", style=_SMALL)
    return text


def _texts(element: dict[str, Any]) -> list[str]:
    """Return the texts in a block of rich text or Markdown."""
    own = [element["text"]] if isinstance(element.get("text"), str) else []
    return own + [text for inner in element.get("elements", []) for text in _texts(inner)]
