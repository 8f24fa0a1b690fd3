"""Repeat a call while its failures say that a repeat can help."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

Result = TypeVar("Result")

_FIRST_WAIT = 0.1  # seconds; doubled by each failure
_JITTER = 1.0  # seconds; keeps the repeats of many callers apart
_LONGEST_WAIT = 5.0  # seconds


async def retry(
    call: Callable[[], Awaitable[Result]],
    can_repeat: Callable[[Exception], bool | float],
    *,
    attempts: int | None,
    longest_wait: float = _LONGEST_WAIT,
) -> Result:
    """Return what the call returns; raise what its last attempt raises.

    A call that succeeds at once costs nothing more, which is why this is no library's.

    Args:
        call: makes one attempt.
        can_repeat: returns whether this failure allows another attempt, or the seconds until then.
        attempts: how many attempts to make at most; None sets no limit.
        longest_wait: seconds between two attempts at most, where ``can_repeat`` names none.
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
