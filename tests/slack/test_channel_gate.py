"""A channel has few concurrent posts, in order, and channels do not wait for each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bot.slack.channel_gate import MOST_IN_FLIGHT, ChannelGate


@dataclass
class Posts:
    """Posts that hold their place until the test ends them."""

    gate: ChannelGate = field(default_factory=ChannelGate)
    begun: list[str] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    ends: dict[str, asyncio.Event] = field(default_factory=dict)

    def start(self, name: str, channel: str = "C1") -> None:
        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._post(name, channel))

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await self.tasks[name]

    async def begins(self, *names: str) -> None:
        async with asyncio.timeout(5):
            while self.begun != list(names):
                await asyncio.sleep(0)

    async def settled(self) -> list[str]:
        """Return the posts that have begun, after every task has run until it waits."""
        for _ in range(10):
            await asyncio.sleep(0)
        return self.begun

    async def _post(self, name: str, channel: str) -> None:
        @asynccontextmanager
        async def parked() -> AsyncIterator[None]:
            self.parked.append(name)
            try:
                yield
            finally:
                self.parked.remove(name)

        async with self.gate.place(channel, parked):
            self.begun.append(name)
            await self.ends[name].wait()


@pytest.fixture
async def posts() -> AsyncIterator[Posts]:
    posts = Posts()
    yield posts
    for task in posts.tasks.values():
        task.cancel()
    await asyncio.gather(*posts.tasks.values(), return_exceptions=True)
    assert posts.parked == []


async def test_the_fifth_waits_and_the_order_is_kept(posts: Posts) -> None:
    for name in "abcdefg":
        posts.start(name)
    await posts.begins(*"abcd")
    assert len(await posts.settled()) == MOST_IN_FLIGHT
    assert posts.parked == ["e", "f", "g"]
    await posts.end("c")
    await posts.begins(*"abcde")
    await posts.end("a")
    await posts.begins(*"abcdef")
    assert posts.parked == ["g"]


async def test_another_channel_does_not_wait(posts: Posts) -> None:
    for name in "abcde":
        posts.start(name)
    posts.start("x", "C2")
    await posts.begins(*"abcdx")


async def test_a_pause_closes_one_channel_and_ends(posts: Posts) -> None:
    posts.gate.pause("C1", 0.2)
    posts.gate.pause("C1", 0.001)  # a shorter pause does not end the longer one
    assert 0.1 < posts.gate.paused_for("C1") <= 0.2
    assert posts.gate.paused_for("C2") == 0
    posts.start("a")
    posts.start("x", "C2")
    await posts.begins("x")
    assert await posts.settled() == ["x"]
    assert posts.parked == ["a"]
    await posts.begins("x", "a")
    assert posts.gate.paused_for("C1") == 0


async def test_a_pause_holds_the_posts_that_waited_before(posts: Posts) -> None:
    for name in "abcde":
        posts.start(name)
    await posts.begins(*"abcd")
    posts.gate.pause("C1", 0.5)
    await posts.end("a")
    assert await posts.settled() == list("abcd")
    await posts.begins(*"abcde")


async def test_a_post_that_is_cancelled_gives_its_place_back(posts: Posts) -> None:
    for name in "abcdef":
        posts.start(name)
    await posts.begins(*"abcd")
    for name in "ea":  # a waiting post, and a post that has begun
        posts.tasks[name].cancel()
        await asyncio.wait([posts.tasks[name]])
    await posts.begins(*"abcdf")
    posts.start("g")
    assert await posts.settled() == list("abcdf")


async def test_a_post_that_is_cancelled_at_its_turn_gives_its_place_back(posts: Posts) -> None:
    for name in "abcdef":
        posts.start(name)
    await posts.begins(*"abcd")
    posts.ends["a"].set()
    while not posts.tasks["a"].done():
        await asyncio.sleep(0)  # the gate gives the place to e, which has not run yet
    posts.tasks["e"].cancel()
    await posts.begins(*"abcdf")


async def test_an_idle_channel_is_forgotten(posts: Posts) -> None:
    for number in range(100):
        posts.start(f"{number}", f"C{number}")
    await posts.settled()
    assert len(posts.gate) == 100
    for number in range(100):
        await posts.end(f"{number}")
    assert len(posts.gate) == 0
    posts.gate.pause("C1", 0.01)
    assert len(posts.gate) == 1
    async with asyncio.timeout(5):
        while len(posts.gate):
            await asyncio.sleep(0)


async def test_a_park_that_fails_leaves_the_queue(posts: Posts) -> None:
    def broken() -> AbstractAsyncContextManager[None]:
        raise LookupError

    for name in "abcd":
        posts.start(name)
    await posts.begins(*"abcd")
    with pytest.raises(LookupError):
        async with posts.gate.place("C1", broken):
            pass
    posts.start("e")
    await posts.end("a")
    await posts.begins(*"abcde")
