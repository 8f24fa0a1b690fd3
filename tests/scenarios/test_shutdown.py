"""A deploy under load: SIGTERM, and another process after it."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from bot.sandbox import Delay
from tests.conftest import Env
from tests.process import settings_of, started
from tests.scenarios.crowd import POST, UPSERT, Crowd

Record = Callable[[str, object], None]
COMMANDS, CHANNELS = 500, 50
ON_ITS_WAY = 1.0  # seconds


async def until_draining(url: str) -> None:
    """Wait until the bot says that it takes no more work."""
    async with httpx.AsyncClient() as platform, asyncio.timeout(20):
        while "draining" not in (await platform.get(f"{url}/readyz")).json()["reasons"]:
            pass


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seconds", [25, 13, 8])
async def test_a_deploy_under_load_doubles_and_loses_nothing(
    idle_env: Env, tmp_path: Path, record_property: Record, seconds: int
) -> None:
    idle_env.slack.faults.always(POST, Delay(2.0))
    crowd = Crowd(idle_env, people=200, channels=CHANNELS)
    # Some tasks are about to post at every moment.
    delays = [Delay(crowd.random.uniform(0.1, 3.0)) for _ in range(2 * COMMANDS)]
    idle_env.baseten.faults.next(UPSERT, *delays)
    settings = settings_of(idle_env) | {"SHUTDOWN_SECONDS": str(seconds)}
    async with started(cwd=tmp_path, settings=settings) as bot:
        idle_env.slack.bot_url = await bot.ready()
        await crowd.type_many([crowd.people[n % 200] for n in range(COMMANDS)])
        await crowd.posts_begin(150)
        began = time.monotonic()
        bot.process.terminate()
        await until_draining(bot.url)
        draining = time.monotonic()
        assert await bot.ended(seconds + 5) == 0, bot.said[-3000:]
        took = time.monotonic() - began
        # What was on its way arrives in a moment; tasks are about to post for seconds.
        late = sum(at > draining + ON_ITS_WAY for at in crowd.answered_at().values())
        left = len(crowd.left())
    async with started(cwd=tmp_path, settings=settings) as bot:
        idle_env.slack.bot_url = await bot.ready()
        await crowd.all_answered(60)
        await bot.stopped()
    figure = f"SIGTERM, {seconds} s: {crowd.summary()}; ended after {took:.1f} s with {left} left"
    record_property("figure", figure)
    assert len(crowd.accepted) == COMMANDS
    assert not crowd.doubled()
    assert "Traceback" not in bot.said
    if seconds < 12:
        assert (late, left > 0) == (0, True)
