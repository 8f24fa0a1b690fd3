"""Long lists in slices, between which other work of the event loop runs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

_SLICE = 250  # items; less than a millisecond of work with each


async def in_slices(items: Sequence[Item]) -> AsyncIterator[Sequence[Item]]:
    """Yield slices of a list, and yield to the event loop after each."""
    for start in range(0, len(items), _SLICE):
        yield items[start : start + _SLICE]
        await asyncio.sleep(0)
