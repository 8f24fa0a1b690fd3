"""Draw a message's blocks in a terminal, similar to Slack."""

import itertools
import re
import time
from html import unescape
from typing import Any

WIDTH = 78
_NO_BREAK = "\u00a0"
_AGO = re.compile(r"<!date\^(\d+)\^\{ago\}\|[^>]*>")
_DATE = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")
_LINK = re.compile(r"<(?:https?|mailto):[^|>]*\|([^>]*)>")
_PERSON = re.compile(r"<@[^>]*>")
_BOLD = re.compile(r"(?<![\w*])\*(?=\S)(.+?)(?<=\S)\*(?![\w*])")
_ANSI = re.compile(r"\033\[\d+m")


def draw(blocks: list[dict[str, Any]], *, color: bool) -> str:
    """Return the blocks as text; buttons are numbered in the order of `buttons`.

    Args:
        blocks: the Block Kit blocks.
        color: use bold and dim text.
    """
    numbers = itertools.count(1)
    lines: list[str] = []
    for block in blocks:
        if block.get("type") == "actions":
            labels = [f"{next(numbers)} {each['text']['text']}" for each in buttons([block])]
            kept = [f"[ {label} ]".replace(" ", _NO_BREAK) for label in labels]
            lines += [row.replace(_NO_BREAK, " ") for row in _wrapped("  ".join(kept))]
        else:
            lines += _block(block, color=color)
    return "\n".join(f"  │ {line}".rstrip() for line in lines)


def buttons(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the buttons of a message and the options of its menus; the first has number 1.

    An option of a menu has the ``action_id`` of the menu.
    """
    rows = [block["elements"] for block in blocks if block.get("type") == "actions"]
    return [each for row in rows for element in row for each in _choices(element)]


def _choices(element: dict[str, Any]) -> list[dict[str, Any]]:
    if element["type"] != "overflow":
        return [element]
    return [option | {"action_id": element["action_id"]} for option in element["options"]]


def hyperlink(text: str, address: str) -> str:
    """Return a link for terminals, followed by the instruction for terminals without links."""
    return f"\033]8;;{address}\033\\{text}: open in Block Kit Builder\033]8;;\033\\ (or type b)"


def _block(block: dict[str, Any], *, color: bool) -> list[str]:
    match block:
        case {"type": "divider"}:
            return ["─" * (WIDTH - 4)]
        case {"type": "header", "text": {"text": str(text)}}:
            return _wrapped(_strong(text, color=color))
        case {"type": "context", "elements": list(elements)}:
            texts = [_mrkdwn(element["text"], color=color) for element in elements]
            return [_dim(line, color=color) for text in texts for line in _wrapped(text)]
        case {"type": "section"}:
            heading = block.get("text")
            above = _wrapped(_mrkdwn(heading["text"], color=color)) if heading else []
            return above + _columns([f["text"] for f in block.get("fields", [])], color=color)
        case {"type": "rich_text"}:
            return [f"    {part}" for part in _texts(block)]
    return [f"({block.get('type')})"]


def _texts(element: dict[str, Any]) -> list[str]:
    """Return the texts in a block of rich text."""
    own = [element["text"]] if element.get("type") == "text" else []
    return own + [text for inner in element.get("elements", []) for text in _texts(inner)]


def _columns(fields: list[str], *, color: bool) -> list[str]:
    """Draw fields in two columns, like Slack on a wide screen."""
    lines = []
    half = (WIDTH - 4) // 2
    for pair in zip(fields[::2], [*fields[1::2], ""], strict=False):
        cells = [
            [
                part
                for line in _mrkdwn(text, color=color).split("\n")
                for part in _wrapped(line, half)
            ]
            for text in pair
        ]
        for row in range(max(map(len, cells))):
            left, right = (cell[row] if row < len(cell) else "" for cell in cells)
            lines.append(left + " " * (half - len(_ANSI.sub("", left))) + right)
    return lines


def _mrkdwn(text: str, *, color: bool) -> str:
    text = _AGO.sub(lambda found: _ago(int(found[1])), text)
    text = _DATE.sub(r"\1", text)
    text = _LINK.sub(r"\1", text)
    text = _PERSON.sub("@you", text)
    text = _BOLD.sub(lambda found: _strong(found[1], color=color), text)
    return unescape(text)


def _wrapped(text: str, width: int = WIDTH - 4) -> list[str]:
    """Wrap each line; color codes have no width."""
    return [part for line in text.split("\n") for part in _filled(line, width)]


def _filled(line: str, width: int) -> list[str]:
    if _visible(line) <= width:
        return [line]
    rows = [""]
    for word in line.split(" "):
        joined = f"{rows[-1]} {word}" if rows[-1] else word
        if _visible(joined) <= width:
            rows[-1] = joined
            continue
        rows.append(word)
        while _visible(rows[-1]) > width:  # a long word, such as an address
            rows[-1:] = [rows[-1][:width], rows[-1][width:]]
    return [row for row in rows if row]


def _visible(text: str) -> int:
    """Return the number of visible characters."""
    return len(_ANSI.sub("", text))


def _ago(moment: int) -> str:
    """Return the age of a time in Slack's words."""
    passed = max(1, int(time.time()) - moment)
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if passed >= size:
            return f"{passed // size} {unit}{'s' if passed >= 2 * size else ''} ago"
    return f"{passed} second{'s' if passed > 1 else ''} ago"


def _strong(text: str, *, color: bool) -> str:
    return f"\033[1m{text}\033[0m" if color else text


def _dim(text: str, *, color: bool) -> str:
    return f"\033[2m{text}\033[0m" if color else text
