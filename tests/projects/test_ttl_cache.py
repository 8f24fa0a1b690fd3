"""Concurrent callers share one fetch, and its value has a lifetime."""

import asyncio
import time

import pytest

from bot.projects.ttl_cache import TtlCache

LONG = 3600.0  # seconds


class Source:
    """Return 1, 2, 3 …, each when the test allows it, or raise one error."""

    def __init__(self, *, held: bool = False) -> None:
        self.fetches = 0
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None
        self.now = 0.0
        if not held:
            self.may_answer.set()

    def clock(self) -> float:
        return self.now

    async def fetch(self) -> int:
        self.fetches += 1
        number = self.fetches
        self.asked.set()
        await self.may_answer.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return number


async def callers(cached: TtlCache[int], number: int) -> list[asyncio.Task[int]]:
    """Start callers, and return when all of them wait."""
    tasks = [asyncio.create_task(cached.get()) for _ in range(number)]
    await asyncio.wait(tasks, timeout=0.01)
    return tasks


async def test_nothing_is_fetched_before_it_is_asked_for() -> None:
    source = Source()
    TtlCache(source.fetch, LONG)
    await asyncio.sleep(0)
    assert source.fetches == 0


async def test_a_value_is_kept() -> None:
    source = Source()
    cached = TtlCache(source.fetch, LONG)
    assert [await cached.get(), await cached.get()] == [1, 1]
    assert source.fetches == 1


async def test_an_old_value_is_fetched_anew() -> None:
    source = Source()
    cached = TtlCache(source.fetch, 0)
    assert [await cached.get(), await cached.get()] == [1, 2]


async def test_callers_at_the_same_time_share_one_fetch() -> None:
    source = Source(held=True)
    cached = TtlCache(source.fetch, LONG)
    tasks = await callers(cached, 50)
    source.may_answer.set()
    assert set(await asyncio.gather(*tasks)) == {1}
    assert source.fetches == 1


async def test_a_caller_who_gives_up_does_not_take_the_fetch_from_the_others() -> None:
    source = Source(held=True)
    cached = TtlCache(source.fetch, LONG)
    first, second = await callers(cached, 2)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.may_answer.set()
    assert await second == 1
    assert source.fetches == 1


async def test_a_fetch_goes_on_when_its_only_caller_gave_up() -> None:
    source = Source(held=True)
    cached = TtlCache(source.fetch, LONG)
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
    tasks = await callers(TtlCache(source.fetch, LONG), 5)
    source.may_answer.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["broken"] * 5
    assert source.fetches == 1


async def test_an_error_is_not_kept() -> None:
    source = Source()
    source.error = ValueError("broken")
    cached = TtlCache(source.fetch, LONG)
    with pytest.raises(ValueError, match="broken"):
        await cached.get()
    assert await cached.get() == 2


async def test_an_error_of_a_newer_fetch_leaves_the_value_that_is_still_good() -> None:
    source = Source()
    cached = TtlCache(source.fetch, LONG)
    assert await cached.get() == 1
    source.error = ValueError("broken")
    with pytest.raises(ValueError, match="broken"):
        await cached.get(asked_since=time.monotonic())
    assert await cached.get() == 1


async def test_a_value_older_than_asked_for_is_fetched_anew() -> None:
    source = Source()
    cached = TtlCache(source.fetch, LONG)
    asked = time.monotonic()
    assert await cached.get(asked_since=asked) == 1
    assert await cached.get(asked_since=asked) == 1
    assert await cached.get(asked_since=time.monotonic()) == 2
    assert await cached.get() == 2


async def test_a_fetch_that_began_too_early_is_not_enough() -> None:
    source = Source(held=True)
    cached = TtlCache(source.fetch, LONG)
    (early,) = await callers(cached, 1)
    asked = time.monotonic()
    late = [asyncio.create_task(cached.get(asked_since=asked)) for _ in range(3)]
    await asyncio.wait(late, timeout=0.01)
    source.may_answer.set()
    assert await early == 1
    assert await asyncio.gather(*late) == [2, 2, 2]
    assert source.fetches == 2


async def test_a_value_is_refreshed_in_the_background_before_it_is_too_old() -> None:
    source = Source()
    cached = TtlCache(source.fetch, LONG)
    await cached.get()
    cached.refresh()
    assert source.fetches == 1
    cached.invalidate()
    source.may_answer.clear()
    source.asked.clear()
    cached.refresh()
    cached.refresh()
    await source.asked.wait()
    source.may_answer.set()
    assert await cached.get() == 2
    assert source.fetches == 2


async def test_an_ageing_value_is_still_given_while_a_new_one_is_fetched() -> None:
    source = Source()
    cached = TtlCache(source.fetch, LONG, clock=source.clock)
    assert await cached.get() == 1
    source.may_answer.clear()
    source.asked.clear()
    source.now = LONG * 0.8
    cached.refresh()
    await source.asked.wait()
    assert await cached.get() == 1
    source.now = LONG * 1.1
    waiting = asyncio.create_task(cached.get())
    source.may_answer.set()
    assert await waiting == 2


class Lists:
    """Return a list when the test allows it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def fetch(self) -> list[str]:
        self.asked.set()
        await self.may_answer.wait()
        return ["fetched"]


async def test_a_held_value_is_changed_in_place_without_a_fetch() -> None:
    lists = Lists()
    lists.may_answer.set()
    cached = TtlCache(lists.fetch, LONG)
    held = await cached.get()
    cached.update(lambda items: items.append("added"))
    assert await cached.get() is held
    assert held == ["fetched", "added"]


async def test_a_fetch_under_way_gets_the_change_too() -> None:
    lists = Lists()
    cached = TtlCache(lists.fetch, LONG)
    waiting = asyncio.create_task(cached.get())
    await lists.asked.wait()
    cached.update(lambda items: items.append("added"))
    lists.may_answer.set()
    assert await waiting == ["fetched", "added"]
    cached.invalidate()
    assert await cached.get() == ["fetched"]


async def test_nothing_held_is_nothing_to_change() -> None:
    lists = Lists()
    lists.may_answer.set()
    cached = TtlCache(lists.fetch, LONG)
    cached.update(lambda items: items.append("added"))
    assert await cached.get() == ["fetched"]


async def test_a_look_returns_what_is_held_until_a_minute_after_its_end() -> None:
    now = 0.0
    lists = Lists()
    lists.may_answer.set()
    cached = TtlCache(lists.fetch, 10.0, lambda: now)
    assert cached.peek() is None
    held = await cached.get()
    now = 70.0
    assert cached.peek() is held
    now = 70.1
    assert cached.peek() is None
