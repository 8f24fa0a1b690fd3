"""Processes that die at any moment, as ``kill -9`` ends them: nothing accepted is lost."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.sandbox import Delay
from tests.conftest import Env
from tests.durable.postgres import postgres_programs, postgres_server, postgres_url
from tests.process import Process, settings_of, started
from tests.scenarios.crowd import POST, UPSERT, Crowd, may_read

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

KILLS = 20
AT_ONCE = 6  # people who type one command after the other
Record = Callable[[str, object], None]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("reads", [True, False], ids=["looks", "blind"])
async def test_twenty_kills_lose_nothing(
    idle_env: Env, url: str, tmp_path: Path, record_property: Record, *, reads: bool
) -> None:
    if reads:
        may_read(idle_env)
    idle_env.baseten.faults.always(UPSERT, Delay(0.05))
    idle_env.slack.faults.always(POST, Delay(0.02))
    crowd = Crowd(idle_env)
    settings = settings_of(idle_env) | {"DATABASE_URL": url}
    doubtful: set[str] = set()  # their posts had begun, and their ends were not on disk
    async with AsyncExitStack() as stack:

        async def start() -> Process:
            return await stack.enter_async_context(started(cwd=tmp_path, settings=settings))

        bots = [await start() for _ in range(1 if url.startswith("sqlite") else 2)]
        for kill in range(KILLS):
            urls = [await bot.ready() for bot in bots]
            people = [asyncio.create_task(crowd.type_on(urls)) for _ in range(AT_ONCE)]
            await crowd.any_moment()
            dying = bots[kill % len(bots)]
            dying.process.kill()
            await dying.process.wait()
            on_disk = await crowd.on_disk(url)
            await asyncio.gather(*people)
            bots[kill % len(bots)] = new = await start()
            # What the dead process sent has arrived by now, and the new one has sent nothing.
            await new.until(lambda said: "listening" in said)
            doubtful |= crowd.begun().keys() - on_disk
            if kill % 5 == 4:  # and now and then its peer takes over in peace
                await crowd.all_answered(60)
        await crowd.all_answered(60)
        for bot in bots:
            await bot.stopped()
    what = "with history scopes" if reads else "without"
    record_property(
        "figure", f"{KILLS} kills, {url.split(':', maxsplit=1)[0]}, {what}: {crowd.summary()}"
    )
    assert len(crowd.accepted) > KILLS
    assert not crowd.left()
    assert crowd.doubled() <= (set() if reads else doubtful)
