"""Read a long list of JSON item by item, without blocking the event loop."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

from bot.baseten.errors import Unreadable

Item = TypeVar("Item")

# Seconds of work before other tasks of the event loop run. A timer waits for up to three slices:
# one before it is due, one before its future is done, and one before the task that awaits it.
_SLICE = 0.002
_DECODER = json.JSONDecoder()
_SPACE = r"[ \t\n\r]*"
_MARKS = {mark: re.compile(rf"{_SPACE}{re.escape(mark)}{_SPACE}") for mark in "{}[]:,"}


async def read_list(body: bytes, key: str, read: Callable[[object], Item]) -> AsyncIterator[Item]:
    """Yield the items of a list in a JSON object.

    Unreadable items are left out: one invalid project must not hide the others.

    Args:
        body: the JSON object.
        key: the list's key in the object.
        read: returns the item for the item's JSON, or raises ``ValueError`` if it is invalid.

    Raises:
        Unreadable: the object has no such list, or every item is invalid.
    """
    odd = good = 0
    began = time.perf_counter()
    try:
        for value in _items(body.decode(), key):
            try:
                item = read(value)
            except ValueError:
                odd += 1
            else:
                good += 1
                yield item
            if time.perf_counter() - began > _SLICE:
                await asyncio.sleep(0)
                began = time.perf_counter()
    except (ValueError, RecursionError):
        raise Unreadable(f"cannot read the list {key}") from None
    if odd and not good:
        raise Unreadable(f"cannot read any item of the list {key}")


def _items(text: str, key: str) -> Iterator[object]:
    """Yield one decoded item at a time; the whole list is never in memory as objects."""
    at = _after("{", text, 0)
    while True:
        found, at = _DECODER.raw_decode(text, at)
        at = _after(":", text, at)
        if found == key:
            break
        _, at = _DECODER.raw_decode(text, at)
        at = _after(",", text, at)
    at = _after("[", text, at)
    if _MARKS["]"].match(text, at):
        return
    while True:
        value, end = _DECODER.raw_decode(text, at)
        yield _mended(value) if _has_surrogate(text, at, end) else value
        if _MARKS["]"].match(text, end):
            return
        at = _after(",", text, end)


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
