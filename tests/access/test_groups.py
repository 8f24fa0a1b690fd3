"""The cache of facts that only Slack knows."""

import asyncio
from dataclasses import dataclass, field

from bot.access.groups import LIFE, FactCache


@dataclass
class Source:
    """Returns what the test says, when the test says."""

    facts: list[bool | None]
    asked: int = 0
    now: float = 1000.0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def fetch(self, _key: str) -> bool | None:
        self.asked += 1
        await self.gate.wait()
        self.answered.set()
        return self.facts.pop(0)

    def clock(self) -> float:
        return self.now


def cache_of(source: Source) -> FactCache[bool]:
    return FactCache(source.fetch, source.clock)


async def fresh(cache: FactCache[bool]) -> None:
    if (fetch := cache.refresh("U0DANA")) is not None:
        await fetch


async def test_concurrent_callers_share_a_fetch() -> None:
    source = Source([False])
    cache = cache_of(source)
    assert cache.get("U0DANA") is None
    first, second = cache.refresh("U0DANA"), cache.refresh("U0DANA")
    assert first is second
    assert first is not None
    source.gate.set()
    await first
    assert (source.asked, cache.get("U0DANA")) == (1, False)


async def test_an_old_fact_is_fetched_in_the_background_and_a_dead_one_is_unknown() -> None:
    source = Source([False, True])
    source.gate.set()
    cache = cache_of(source)
    await fresh(cache)
    source.now += LIFE * 0.8
    source.gate.clear()
    assert cache.refresh("U0DANA") is None  # nobody waits
    assert cache.get("U0DANA") is False
    source.now += LIFE * 0.3
    assert cache.get("U0DANA") is None
    waits = cache.refresh("U0DANA")
    assert waits is not None
    source.gate.set()
    await waits
    assert (source.asked, cache.get("U0DANA")) == (2, True)


async def test_of_many_facts_the_ones_that_nobody_needed_for_longest_are_forgotten() -> None:
    async def fetch(_key: str) -> bool:
        return True

    cache = FactCache(fetch)
    fetches = [cache.refresh(f"U{number}") for number in range(10_000)]
    await asyncio.gather(*(fetch for fetch in fetches if fetch is not None))
    assert cache.get("U0")  # needed now
    last = cache.refresh("U10000")
    assert last is not None
    await last
    known = [cache.get(key) for key in ("U0", "U1", "U2", "U10000")]
    assert known == [True, None, True, True]


async def test_a_fresh_fact_costs_nothing() -> None:
    source = Source([False])
    source.gate.set()
    cache = cache_of(source)
    await fresh(cache)
    source.now += LIFE * 0.7
    await fresh(cache)
    assert source.asked == 1


async def test_after_no_answer_the_next_fetch_waits_and_the_old_fact_stays_until_its_end() -> None:
    source = Source([False, None, True])
    source.gate.set()
    cache = cache_of(source)
    await fresh(cache)
    source.now += LIFE * 0.8
    source.answered.clear()
    assert cache.refresh("U0DANA") is None
    await source.answered.wait()
    assert (source.asked, cache.get("U0DANA")) == (2, False)
    await fresh(cache)
    assert source.asked == 2
    source.now += LIFE
    await fresh(cache)
    assert (source.asked, cache.get("U0DANA")) == (3, True)
