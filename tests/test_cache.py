"""One fetch for everybody, kept for a while."""

import asyncio
import time

import pytest

from bot.cache import Cached

LONG = 3600.0  # seconds


class Source:
    """Gives 1, 2, 3 …, each when it is allowed to; or raises, once."""

    def __init__(self, *, held: bool = False) -> None:
        self.fetches = 0
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None
        if not held:
            self.may_answer.set()

    async def fetch(self) -> int:
        self.fetches += 1
        number = self.fetches
        self.asked.set()
        await self.may_answer.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return number


async def callers(cached: Cached[int], number: int) -> list[asyncio.Task[int]]:
    """Start callers, and return when all of them wait."""
    tasks = [asyncio.create_task(cached.get()) for _ in range(number)]
    await asyncio.wait(tasks, timeout=0.01)
    return tasks


async def test_nothing_is_fetched_before_it_is_asked_for() -> None:
    source = Source()
    Cached(source.fetch, LONG)
    await asyncio.sleep(0)
    assert source.fetches == 0


async def test_a_value_is_kept() -> None:
    source = Source()
    cached = Cached(source.fetch, LONG)
    assert [await cached.get(), await cached.get()] == [1, 1]
    assert source.fetches == 1


async def test_an_old_value_is_fetched_anew() -> None:
    source = Source()
    cached = Cached(source.fetch, 0)
    assert [await cached.get(), await cached.get()] == [1, 2]


async def test_callers_at_the_same_time_share_one_fetch() -> None:
    source = Source(held=True)
    cached = Cached(source.fetch, LONG)
    tasks = await callers(cached, 50)
    source.may_answer.set()
    assert set(await asyncio.gather(*tasks)) == {1}
    assert source.fetches == 1


async def test_a_caller_who_gives_up_does_not_take_the_fetch_from_the_others() -> None:
    source = Source(held=True)
    cached = Cached(source.fetch, LONG)
    first, second = await callers(cached, 2)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.may_answer.set()
    assert await second == 1
    assert source.fetches == 1


async def test_a_fetch_goes_on_when_its_only_caller_gave_up() -> None:
    source = Source(held=True)
    cached = Cached(source.fetch, LONG)
    (only,) = await callers(cached, 1)
    only.cancel()
    await asyncio.wait([only])
    (next_one,) = await callers(cached, 1)
    source.may_answer.set()
    assert await next_one == 1
    assert source.fetches == 1


async def test_an_error_reaches_everybody_who_waits() -> None:
    source = Source(held=True)
    source.error = ValueError("broken")
    tasks = await callers(Cached(source.fetch, LONG), 5)
    source.may_answer.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["broken"] * 5
    assert source.fetches == 1


async def test_an_error_is_not_kept() -> None:
    source = Source()
    source.error = ValueError("broken")
    cached = Cached(source.fetch, LONG)
    with pytest.raises(ValueError, match="broken"):
        await cached.get()
    assert await cached.get() == 2


async def test_an_error_of_a_newer_fetch_leaves_the_value_that_is_still_good() -> None:
    source = Source()
    cached = Cached(source.fetch, LONG)
    assert await cached.get() == 1
    source.error = ValueError("broken")
    with pytest.raises(ValueError, match="broken"):
        await cached.get(asked_since=time.monotonic())
    assert await cached.get() == 1


async def test_a_value_older_than_asked_for_is_fetched_anew() -> None:
    source = Source()
    cached = Cached(source.fetch, LONG)
    asked = time.monotonic()
    assert await cached.get(asked_since=asked) == 1
    assert await cached.get(asked_since=asked) == 1
    assert await cached.get(asked_since=time.monotonic()) == 2
    assert await cached.get() == 2


async def test_a_fetch_that_began_too_early_is_not_enough() -> None:
    source = Source(held=True)
    cached = Cached(source.fetch, LONG)
    (early,) = await callers(cached, 1)
    asked = time.monotonic()
    late = [asyncio.create_task(cached.get(asked_since=asked)) for _ in range(3)]
    await asyncio.wait(late, timeout=0.01)
    source.may_answer.set()
    assert await early == 1
    assert await asyncio.gather(*late) == [2, 2, 2]
    assert source.fetches == 2


async def test_a_held_value_can_be_amended_without_a_fetch() -> None:
    source = Source()
    cached = Cached(source.fetch, LONG)
    await cached.get()
    cached.amend(lambda number: number + 10)
    assert await cached.get() == 11
    assert source.fetches == 1


async def test_an_amendment_makes_a_fetch_under_way_too_old() -> None:
    source = Source(held=True)
    cached = Cached(source.fetch, LONG)
    waiting = asyncio.create_task(cached.get())
    await source.asked.wait()
    cached.amend(lambda number: number + 10)
    source.may_answer.set()
    assert await waiting == 2


async def test_nothing_held_is_nothing_to_amend() -> None:
    source = Source()
    cached = Cached(source.fetch, LONG)
    cached.amend(lambda number: number + 10)
    assert await cached.get() == 1
