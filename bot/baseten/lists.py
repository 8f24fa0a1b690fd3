"""Read a long list of JSON item by item, without blocking the event loop."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from bot.baseten.errors import Unreadable

Item = TypeVar("Item")

# Seconds of work before other tasks of the event loop run. A timer waits for up to three slices:
# one before it is due, one before its future is done, and one before the task that awaits it.
_SLICE = 0.002
_HEAD = 80  # characters; they hold the id of an item
_DECODER = json.JSONDecoder()
_SPACE = r"[ \t\n\r]*"
_MARKS = {mark: re.compile(rf"{_SPACE}{re.escape(mark)}{_SPACE}") for mark in "{[]:,"}
_SEPARATOR = re.compile(rf"{_SPACE}([,\]]){_SPACE}")


class KnownItems(Generic[Item]):
    """The items of the last answer by their text: one with the same text is not read again.

    Reading thousands of unchanged items would block the event loop.
    """

    def __init__(self) -> None:
        self._before: dict[str, tuple[str, Item]] = {}
        self._now: dict[str, tuple[str, Item]] = {}

    def begin(self) -> None:
        """Begin to read an answer; the items of the one before are known."""
        self._before, self._now = self._now, {}

    def find(self, text: str, at: int) -> tuple[Item, int] | None:
        """Return the known item that stands here, and its end."""
        head = text[at : at + _HEAD]
        known = self._before.get(head)
        if known is None or not text.startswith(known[0], at):
            return None
        self._now[head] = known
        return known[1], at + len(known[0])

    def keep(self, text: str, item: Item) -> None:
        """Keep an item for the next answer, unless it is None: such a one is read again.

        Only an object's text cannot be the beginning of another item.
        """
        if item is not None and text.startswith("{"):
            self._now[text[:_HEAD]] = (text, item)


async def read_list(
    body: bytes,
    key: str,
    read: Callable[[object], Item],
    known: KnownItems[Item] | None = None,
) -> AsyncIterator[Item]:
    """Yield the items of a list in a JSON object.

    Unreadable items are left out: one invalid project must not hide the others.

    Args:
        body: the JSON object.
        key: the list's key in the object.
        read: returns the item for the item's JSON, or raises ``ValueError`` if it is invalid.
        known: the items of the last answer.

    Raises:
        Unreadable: the object has no such list, or every item is invalid.
    """
    known = known or KnownItems()
    known.begin()
    odd = good = 0
    began = time.perf_counter()
    try:
        text = body.decode()
        at = _first(text, key)
        while at is not None:
            if (found := known.find(text, at)) is not None:
                item, end = found
                good += 1
                yield item
            else:
                value, end = _DECODER.raw_decode(text, at)
                try:
                    item = read(_mended(value) if _has_surrogate(text, at, end) else value)
                except ValueError:
                    odd += 1
                else:
                    good += 1
                    known.keep(text[at:end], item)
                    yield item
            at = _next(text, end)
            if time.perf_counter() - began > _SLICE:
                await asyncio.sleep(0)
                began = time.perf_counter()
    except (ValueError, RecursionError):
        raise Unreadable(f"cannot read the list {key}") from None
    if odd and not good:
        raise Unreadable(f"cannot read any item of the list {key}")


def _first(text: str, key: str) -> int | None:
    """Return the place of the first item of the list; None if the list is empty."""
    at = _after("{", text, 0)
    while True:
        found, at = _DECODER.raw_decode(text, at)
        at = _after(":", text, at)
        if found == key:
            break
        _, at = _DECODER.raw_decode(text, at)
        at = _after(",", text, at)
    at = _after("[", text, at)
    return None if _MARKS["]"].match(text, at) else at


def _next(text: str, end: int) -> int | None:
    """Return the place of the item after the one that ends here; None after the last."""
    found = _SEPARATOR.match(text, end)
    if found is None:
        raise ValueError(text[end : end + 1])
    return found.end() if found[1] == "," else None


def _after(mark: str, text: str, at: int) -> int:
    found = _MARKS[mark].match(text, at)
    if found is None:
        raise ValueError(mark)
    return found.end()


def _has_surrogate(text: str, start: int, end: int) -> bool:
    return text.find(r"\ud", start, end) >= 0 or text.find(r"\uD", start, end) >= 0


def _mended(value: object) -> object:
    r"""Return the value with ``?`` for each half of a character, such as ``\ud83d``."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
