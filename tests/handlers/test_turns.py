"""Work for one person takes effect in its order, and the last one wins."""

import asyncio

from bot.handlers.turns import Turns

USER = "U0DANA0001"


async def test_a_later_turn_acts_after_an_earlier_one_that_has_begun() -> None:
    turns, done, gate = Turns(), list[str](), asyncio.Event()

    async def slow() -> None:
        await gate.wait()
        done.append("earlier")

    async def quick() -> None:
        done.append("later")

    async with turns.begin(USER) as earlier, asyncio.TaskGroup() as group:
        group.create_task(earlier.act(slow))
        await asyncio.sleep(0)
        async with turns.begin(USER) as later:
            acting = group.create_task(later.act(quick))
            await asyncio.sleep(0)
            gate.set()
            assert await acting
    assert done == ["earlier", "later"]


async def test_the_end_of_an_older_turn_does_not_hide_a_later_one() -> None:
    turns, done = Turns(), list[int]()

    async def work() -> None:
        done.append(1)

    async with turns.begin(USER) as first:
        second_open = turns.begin(USER)
        second = await second_open.__aenter__()
        assert not await first.act(work)
    async with turns.begin(USER) as third:
        assert not await second.act(work)
        assert await third.act(work)
    await second_open.__aexit__(None, None, None)
    assert done == [1]
