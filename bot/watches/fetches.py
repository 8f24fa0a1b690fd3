"""The requests of a poll for single projects and jobs: a few at a time, and a limited number."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST_FETCHED = 25  # of one kind in one poll
_AT_ONCE = 5


async def fetch_each(
    items: Sequence[Item], fetch: Callable[[Item], Awaitable[Answer]]
) -> AsyncGenerator[tuple[Item, Answer]]:
    """Yield items with their answers, as soon as they arrive; at most `MOST_FETCHED`.

    The choice is random, so items whose requests always fail do not block the others. The next
    poll is the repeat of a failed request: a client without repeats delays this poll less.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(item: Item) -> tuple[Item, Answer]:
        async with room:
            return item, await fetch(item)

    chosen = random.sample(items, min(MOST_FETCHED, len(items)))
    tasks = [asyncio.create_task(one(each)) for each in chosen]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    finally:
        for left in tasks:
            left.cancel()
