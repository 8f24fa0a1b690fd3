"""A process that begins work and never ends it: ``python worker.py URL``."""

import asyncio
import sys

from bot.journal.database import open_journal
from bot.journal.journal import Entry
from bot.journal.runner import Runner
from bot.journal.steps import Next, Steps


async def never_ends(entry: Entry, steps: Steps) -> Next:
    await steps.keep({"step": "post"})
    sys.stdout.write(f"{entry.id}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
    raise AssertionError


async def main(url: str) -> None:
    async with open_journal(url, lease=1) as journal:
        runner = Runner(journal)
        runner.on("open", never_ends)
        for number in range(5):
            await runner.accept(f"{number}", "open", {"step": "upsert"})
        await runner.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
