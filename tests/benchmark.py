"""What the bot costs: ``python -m tests.benchmark``. Prints figures, and judges nothing.

The bot runs as a process of its own between a Slack and a Baseten on loopback, which share this
process, so a slow or busy machine makes every time longer.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bot.sandbox import Delay, SandboxBaseten, SandboxSlack
from tests.conftest import RESEARCH, World
from tests.process import Process, settings_of, started

_MANY, _AT_ONCE = 1000, 100
_UPSERT = r"/v1/teams/[^/]+/training_projects"
_TICK = os.sysconf("SC_CLK_TCK")


async def benchmark() -> None:
    """Measure start-up, acks, whole commands, CPU and memory."""
    async with SandboxSlack() as slack, SandboxBaseten() as baseten:
        baseten.add_team("Research", id=RESEARCH)
        world = World(slack, baseten)
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            async with started(cwd=Path(folder), settings=settings_of(world)) as bot:
                await bot.until(lambda said: "Slack knows the bot" in said)
                say("start-up until ready", (time.perf_counter() - began) * 1000, "ms")
                lines = [json.loads(line) for line in bot.said.splitlines()]
                (port,) = [line["port"] for line in lines if line["event"] == "listening"]
                slack.bot_url = f"http://127.0.0.1:{port}"
                say("memory after start-up", memory(bot), "MiB")
                await under_load(world)
                await many(world, bot)
                bot.process.terminate()
                await bot.ended()


async def under_load(world: World) -> None:
    """Time the acks of a hundred commands at once, while Baseten takes half a second."""
    world.baseten.faults.always(_UPSERT, Delay(0.5))
    commands = (world.slack.command(f"research load-{n}") for n in range(_AT_ONCE))
    acks = [delivery.seconds * 1000 for delivery in await asyncio.gather(*commands)]
    await world.answered(_AT_ONCE)
    world.baseten.faults.clear()
    say(f"ack, {_AT_ONCE} at once, median", statistics.median(acks), "ms")
    say(f"ack, {_AT_ONCE} at once, slowest", max(acks), "ms")


async def many(world: World, bot: Process) -> None:
    """Send commands one after the other; time acks and answers, and count what they cost."""
    before, cpu = len(world.slack.messages), cpu_seconds(bot)
    acks, answers = [], []
    for number in range(_MANY):
        began = time.perf_counter()
        delivery = await world.slack.command(f"research one-{number}")
        acks.append(delivery.seconds * 1000)
        await world.answered(before + number + 1)
        answers.append((time.perf_counter() - began) * 1000)
    say("ack, one at a time, median", statistics.median(acks), "ms")
    say("command to message, median", statistics.median(answers), "ms")
    say("command to message, 95 %", statistics.quantiles(answers, n=20)[18], "ms")
    say("CPU a command", (cpu_seconds(bot) - cpu) / _MANY * 1000, "ms")
    say(f"memory after {_MANY + _AT_ONCE} commands", memory(bot), "MiB")


def cpu_seconds(bot: Process) -> float:
    """The processor time that the bot has used (Linux)."""
    fields = Path(f"/proc/{bot.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory(bot: Process) -> float:
    """The bot's resident memory in MiB (Linux)."""
    status = Path(f"/proc/{bot.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def say(what: str, figure: float, unit: str) -> None:
    """Print a figure."""
    sys.stdout.write(f"{what:36} {figure:8.1f} {unit}\n")


if __name__ == "__main__":
    asyncio.run(benchmark())
