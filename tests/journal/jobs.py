"""Work for the tests, and what does it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bot.journal.journal import Entry, Journal
from bot.journal.runner import Runner
from bot.journal.steps import Done, Handler, Later, Next, Steps

AWKWARD = {"words": "Zoë said \"hi\" 🎉 'quoted' \0 \ud83d", "list": [1, 2.5, None, True], "{}": {}}


async def submitted(journal: Journal, entry_id: str = "one", kind: str = "open") -> Entry:
    entry = await journal.submit(entry_id, kind, {"step": "upsert"})
    assert entry is not None
    return entry


async def seen(journal: Journal, entry_id: str = "one") -> Entry:
    entry = await journal.get(entry_id)
    assert entry is not None
    return entry


async def claimed(journal: Journal, kind: str = "open") -> Entry:
    """Take the only entry, when it can be taken."""
    async with asyncio.timeout(10):
        while not (entries := await journal.claim([kind], 10)):
            await asyncio.sleep(0.01)
    (entry,) = entries
    return entry


def runner_of(
    journal: Journal, handler: Handler, *, concurrency: int = 100, retries: int = 10
) -> Runner:
    """A runner that knows one kind."""
    runner = Runner(journal, concurrency=concurrency, retries=retries)
    runner.on("open", handler)
    return runner


class Job:
    """Work that says when it began, and ends when it is told to."""

    def __init__(
        self, then: Next | Callable[[Entry, Steps], Awaitable[Next]] | None = None
    ) -> None:
        self.begun: list[Entry] = []
        self.began_at: list[float] = []
        self.ended = 0
        self.ended_at = 0.0
        self.most = 0
        self.may_end = asyncio.Event()
        self._then = then

    async def handle(self, entry: Entry, steps: Steps) -> Next:
        self.begun.append(entry)
        self.began_at.append(time.monotonic())
        self.most = max(self.most, len(self.begun) - self.ended)
        try:
            if self._then is None:
                await self.may_end.wait()
                return Done()
            return (
                self._then
                if isinstance(self._then, Done | Later)
                else await self._then(entry, steps)
            )
        finally:
            self.ended += 1
            self.ended_at = time.monotonic()


@asynccontextmanager
async def running(runner: Runner) -> AsyncIterator[Runner]:
    """Run it, and end it as the bot does."""
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        await runner.drain(0)
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])


async def done(journal: Journal, entry_id: str = "one") -> Entry:
    """Wait until work is done."""
    async with asyncio.timeout(20):
        while (entry := await journal.get(entry_id)) is None or not entry.done:
            await asyncio.sleep(0.01)
    return entry
