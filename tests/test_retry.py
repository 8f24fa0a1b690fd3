"""Calls that are repeated."""

from collections.abc import Iterator

import pytest

from bot.retry import retry


class RefusedError(Exception):
    """A failure with a number."""


def failures(count: int) -> Iterator[Exception | None]:
    yield from (RefusedError(number) for number in range(1, count + 1))
    while True:
        yield None


class Caller:
    """Fails as often as told, then succeeds."""

    def __init__(self, count: int) -> None:
        self.calls = 0
        self._failures = failures(count)

    async def __call__(self) -> int:
        self.calls += 1
        if (failure := next(self._failures)) is not None:
            raise failure
        return self.calls


async def test_a_call_that_succeeds_is_made_once() -> None:
    call = Caller(0)
    assert await retry(call, lambda _: True, attempts=4) == 1
    assert call.calls == 1


@pytest.mark.parametrize("attempts", [4, None])
async def test_a_failure_is_followed_by_another_attempt(attempts: int | None) -> None:
    assert await retry(Caller(3), lambda _: True, attempts=attempts, longest_wait=0.0) == 4


async def test_the_last_attempt_raises_its_failure_after_it_was_judged() -> None:
    call, judged = Caller(9), list[str]()

    def can_repeat(error: Exception) -> float:
        judged.append(str(error))
        return 0.0

    with pytest.raises(RefusedError, match="3"):
        await retry(call, can_repeat, attempts=3)
    assert (call.calls, judged) == (3, ["1", "2", "3"])


async def test_a_failure_that_allows_no_repeat_is_raised_at_once() -> None:
    call = Caller(9)
    with pytest.raises(RefusedError, match="2"):
        await retry(call, lambda error: str(error) == "1", attempts=4, longest_wait=0.0)
    assert call.calls == 2
