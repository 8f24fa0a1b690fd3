"""A process that holds a task and checks its lease continuously: python replica.py URL."""

import asyncio
import signal
import sys
from contextlib import suppress

from bot.durable.lease import now
from bot.durable.model import Enqueue, LeaseLostError
from bot.durable.store import LEASE_LOST
from tests.durable.conftest import QUICK, replica


def say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - the test reads it


async def main(url: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with replica(url) as (store, _):
        new = Enqueue("theirs", "open", {}, "commands", owner=store.owner)
        await store.written(store.enqueue(new))
        store.held.add("theirs")
        store.subscribe(LEASE_LOST, lambda: say("lost"))
        say("ready")
        first = owner = store.owner
        passed = now()
        while not ended.is_set():
            try:
                await store.hold_lease(owner)
            except LeaseLostError:
                say("refused")
                owner = store.owner
            else:
                if now() - passed > QUICK.fresh:
                    say("passed as before" if owner == first else "passed under another id")
                passed = now()
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), 0.01)


asyncio.run(main(sys.argv[1]))
