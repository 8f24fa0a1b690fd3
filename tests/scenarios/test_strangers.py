"""Thousands of strangers at the port of a bot that serves Slack meanwhile."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.conftest import Env
from tests.process import Process, settings_of, started
from tests.scenarios.strangers import attack, connected, memory

Record = Callable[[str, object], None]
MIB = 1024 * 1024
LIMIT = "closed the oldest connection, because strangers reach a limit"


@pytest.fixture
async def bot(idle_env: Env, tmp_path: Path) -> AsyncIterator[Process]:
    """A bot as a process of its own."""
    async with started(cwd=tmp_path, settings=settings_of(idle_env)) as process:
        idle_env.slack.bot_url = await process.ready()
        yield process


async def acked(env: Env, name: str) -> float:
    """Type a command, and return the seconds until its ack."""
    began = time.monotonic()
    delivery = await env.slack.command(f"research {name}")
    assert (delivery.status, delivery.body) == (200, ""), delivery
    took = time.monotonic() - began
    await env.slack.until(lambda: any(name in m.text for m in env.slack.messages))
    return took


async def test_idle_connections_do_not_use_up_the_files_of_the_process(
    idle_env: Env, tmp_path: Path
) -> None:
    settings = settings_of(idle_env)
    async with started(cwd=tmp_path, settings=settings, open_files=300) as process:
        idle_env.slack.bot_url = await process.ready()
        async with connected(process.url, 400):
            assert await acked(idle_env, "among-strangers") < 3
            await process.until(lambda said: LIMIT in said)
        await process.stopped()
    assert process.said.count(LIMIT) < 5
    assert "Too many open files" not in process.said


def signed_form(now: int, body: bytes, length: int) -> bytes:
    """Return a request with the form of a signature, a wrong one, and a part of its body."""
    head = (
        "POST /slack/events HTTP/1.1\r\nHost: bot\r\n"
        f"X-Slack-Request-Timestamp: {now}\r\nX-Slack-Signature: v0={'0' * 64}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )
    return head.encode() + body


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_slack_is_served_among_thousands_of_strangers_and_the_memory_comes_back(
    idle_env: Env, bot: Process, record_property: Record
) -> None:
    now, pid = int(time.time()), bot.process.pid
    await attack(bot.url, 500, now)  # the first requests load code
    await acked(idle_env, "warm")
    before, acks = memory(pid), list[float]()
    started_at = time.monotonic()
    attacking = asyncio.create_task(attack(bot.url, 10_000, now))
    number = 0
    while not attacking.done():
        acks.append(await acked(idle_env, f"attacked-{number}"))
        number += 1
    statuses, took = await attacking, time.monotonic() - started_at
    after_attack = memory(pid)
    large = signed_form(now, b"x" * 900_000, 1_000_000)
    async with connected(bot.url, 500), connected(bot.url, 500, b"POST /slack/ev"):
        acks.append(await acked(idle_env, "among-idle"))
        async with connected(bot.url, 300, large):
            for index in range(10):
                acks.append(await acked(idle_env, f"among-slow-{index}"))
            most = memory(pid)
    async with asyncio.timeout(30):
        while memory(pid) > before + 20 * MIB:
            await asyncio.sleep(0.1)
    after = memory(pid)
    record_property(
        "figure",
        f"10,000 hostile requests in {took:.0f} s: {dict(sorted(statuses.items()))}; memory in MiB:"
        f" before {before / MIB:.0f}, after these {after_attack / MIB:.0f}, with 1,300 slow ones"
        f" {most / MIB:.0f}, at the end {after / MIB:.0f}; {len(acks)} acks, the slowest"
        f" {max(acks):.2f} s",
    )
    assert {status // 100 for status in statuses} <= {1, 4}
    assert statuses.total() > 5000
    assert statistics.median(acks) < 3  # the slowest is a figure: the attackers share the machine
    assert "Traceback" not in bot.said
    assert len(bot.said.splitlines()) < 1000
    await bot.stopped()
