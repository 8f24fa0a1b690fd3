"""Repeat a call after each failure that allows another attempt."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

Result = TypeVar("Result")

_FIRST_WAIT = 0.1  # seconds; each failure doubles it
_JITTER = 1.0  # seconds; keeps the repeats of many callers apart
_LONGEST_WAIT = 5.0  # seconds


async def retry(
    call: Callable[[], Awaitable[Result]],
    can_repeat: Callable[[Exception], bool | float],
    *,
    attempts: int | None,
    longest_wait: float = _LONGEST_WAIT,
) -> Result:
    """Return the result of the first attempt that succeeds; raise the error of the last one.

    Own code instead of a library, because a call that succeeds at once must cost nothing more.

    Args:
        call: makes one attempt.
        can_repeat: returns True, False, or the seconds until the next attempt.
        attempts: the most attempts; None sets no limit.
        longest_wait: the most seconds between two attempts, if ``can_repeat`` returns True.
    """
    for attempt in count(1):
        try:
            return await call()
        except Exception as error:
            again = can_repeat(error)
            if again is False or attempt == attempts:
                raise
        if again is True:
            doubled = _FIRST_WAIT * 2.0 ** min(attempt - 1, 9)
            again = min(longest_wait, doubled + random.uniform(0, _JITTER))  # noqa: S311 - no secret
        await asyncio.sleep(again)
    raise AssertionError  # the loop has no end  # pragma: no cover
