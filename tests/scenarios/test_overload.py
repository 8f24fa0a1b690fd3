"""More commands at once than the bot can run: each is done once, and people take turns."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import httpx
import pytest

from bot.durable.room import Limits
from bot.sandbox import Delay, Hang
from bot.wiring import Tuning
from tests.conftest import Env
from tests.durable.postgres import postgres_programs, postgres_server, postgres_url
from tests.process import settings_of, started
from tests.scenarios.crowd import UPSERT, Crowd

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

Record = Callable[[str, object], None]
PEOPLE, EACH = 200, 10


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_two_thousand_commands_at_once_are_each_done_once(
    idle_env: Env, url: str, tmp_path: Path, record_property: Record
) -> None:
    idle_env.baseten.faults.always(UPSERT, Delay(0.3))
    crowd = Crowd(idle_env, people=PEOPLE, channels=50)
    idle_env.slack.delivery_timeout = 120  # no matter how long the acks take here
    async with started(cwd=tmp_path, settings=settings_of(idle_env) | {"DATABASE_URL": url}) as bot:
        idle_env.slack.bot_url = await bot.ready()
        users = crowd.people * EACH
        crowd.random.shuffle(users)
        began = time.monotonic()
        await crowd.type_many(users)
        acked = time.monotonic()
        await crowd.all_answered(120)
        ended = time.monotonic()
        await bot.stopped()
    at = crowd.answered_at()
    waits: defaultdict[str, list[float]] = defaultdict(list)
    for typed in crowd.accepted.values():
        waits[typed.user].append(at[typed.name] - typed.at)
    fair = mean(mean(each) for each in waits.values())
    longest = max(mean(each) for each in waits.values())
    record_property(
        "figure",
        f"2,000 at once, {url[:6]}: {crowd.summary()}; acked in {acked - began:.1f} s, answered in"
        f" {ended - began:.1f} s; a person waits {fair:.1f} s, the most {longest:.1f} s",
    )
    assert len(crowd.accepted) == PEOPLE * EACH
    assert not crowd.doubled()
    assert len(idle_env.baseten.upserts) == PEOPLE * EACH
    assert longest < 2 * fair


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_flood_of_one_person_delays_nobody_else(
    idle_env: Env, url: str, tmp_path: Path, record_property: Record
) -> None:
    idle_env.baseten.faults.always(UPSERT, Delay(0.3))
    crowd = Crowd(idle_env, people=20, channels=50)
    async with started(cwd=tmp_path, settings=settings_of(idle_env) | {"DATABASE_URL": url}) as bot:
        idle_env.slack.bot_url = await bot.ready()
        await crowd.type_many(["U0FLOOD"] * 1000)
        await crowd.type_many(crowd.people)
        await crowd.all_answered(120)
        await bot.stopped()
    at = crowd.answered_at()
    flood = sorted(at[typed.name] for typed in crowd.accepted.values() if typed.user == "U0FLOOD")
    others = [typed for typed in crowd.accepted.values() if typed.user != "U0FLOOD"]
    typed_at = min(typed.at for typed in others)
    last = max(at[typed.name] for typed in others)
    before = sum(typed_at < moment < last for moment in flood)
    record_property(
        "figure",
        f"a flood of 1,000, {url[:6]}: 20 others waited {last - typed_at:.1f} s at most, during"
        f" which {before} of the flood were answered",
    )
    assert len(others) == 20
    assert not crowd.doubled()
    assert last < flood[-1]
    assert before < 300  # two rounds of the slots, and the next claim


@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_an_old_backlog_is_reported(idle_env: Env) -> None:
    idle_env.baseten.faults.always(UPSERT, Hang())
    crowd = Crowd(idle_env)
    async with idle_env.running(Tuning(limits=Limits(slots=2))), httpx.AsyncClient() as platform:
        await crowd.type_many(crowd.people[:4])
        page = f"{idle_env.bot.url}/readyz"
        async with asyncio.timeout(30):
            while not (ready := await platform.get(page)).json()["warnings"]:
                await asyncio.sleep(0.1)
        assert ready.status_code == 200
    assert "a command has waited" in ready.json()["warnings"]["backlog"]
