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
from functools import partial
from pathlib import Path

from bot.journal.database import open_journal

from bot.sandbox import Delay, SandboxBaseten, SandboxSlack
from tests.conftest import RESEARCH, World
from tests.process import Process, settings_of, started

_MANY, _AT_ONCE = 1000, 100
_UPSERT = r"/v1/teams/[^/]+/training_projects"
_WHILE = 60.0  # seconds that what goes on by itself is looked at
_TICK = os.sysconf("SC_CLK_TCK")


async def benchmark() -> None:
    """Measure start-up, acks, whole commands, the database, watching, CPU and memory."""
    with tempfile.TemporaryDirectory() as folder:
        await commands(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        await journal(f"sqlite:///{folder}/bot.db")
    for count in (1, _MANY):
        with tempfile.TemporaryDirectory() as folder:
            await watching(Path(folder), count)


async def commands(folder: Path) -> None:
    """Measure a bot that people type commands to."""
    async with SandboxSlack() as slack, SandboxBaseten() as baseten:
        baseten.add_team("Research", id=RESEARCH)
        world = World(slack, baseten)
        began = time.perf_counter()
        async with started(cwd=folder, settings=settings_of(world)) as bot:
            slack.bot_url = await ready(bot)
            say("start-up until ready", (time.perf_counter() - began) * 1000, "ms")
            say("memory after start-up", memory(bot), "MiB")
            await under_load(world)
            await many(world, bot)
            say("CPU while idle", await cpu_by_itself(bot), "% of a core")
            bot.process.terminate()
            await bot.ended()


async def ready(bot: Process) -> str:
    """Wait until the bot is ready; where it listens."""
    await bot.until(lambda said: "Slack knows the bot" in said)
    lines = [json.loads(line) for line in bot.said.splitlines()]
    (port,) = [line["port"] for line in lines if line["event"] == "listening"]
    return f"http://127.0.0.1:{port}"


async def cpu_by_itself(bot: Process) -> float:
    """The percentage of a core that a bot takes while nobody asks it for anything."""
    before = cpu_seconds(bot)
    await asyncio.sleep(_WHILE)
    return (cpu_seconds(bot) - before) / _WHILE * 100


async def journal(url: str) -> None:
    """Time what an ack waits for: the promise on disk."""
    async with open_journal(url) as opened:
        took = []
        for number in range(_MANY):
            began = time.perf_counter()
            await opened.submit(f"command:{number}", "open", {"request": {"name": "sft"}})
            took.append((time.perf_counter() - began) * 1000)
    say("ack's part for the database, median", statistics.median(took), "ms")
    say("ack's part for the database, 95 %", statistics.quantiles(took, n=20)[18], "ms")


async def watching(folder: Path, count: int) -> None:
    """Measure a bot that watches so many running jobs, in which nothing changes."""
    async with SandboxSlack() as slack, SandboxBaseten() as baseten:
        baseten.add_team("Research", id=RESEARCH)
        for number in range(count):
            baseten.add_job(baseten.add_project(RESEARCH, f"w{number}")["id"])
        settings = settings_of(World(slack, baseten)) | {"WATCH_ANSWERS": "true"}
        async with started(cwd=folder, settings=settings) as bot:
            slack.bot_url = await ready(bot)
            await slack.command("research w0")
            await slack.until(partial(all_watched, slack, 1))
            before = memory(bot)
            for start in range(1, count, 20):
                names = range(start, min(start + 20, count))
                await asyncio.gather(*(slack.command(f"research w{n}") for n in names))
                await slack.until(partial(all_watched, slack, names.stop), 60)
            asked = len(baseten.requests)
            say(f"CPU while {count} watched", await cpu_by_itself(bot), "% of a core")
            per_minute = (len(baseten.requests) - asked) / _WHILE * 60
            say(f"requests while {count} watched", per_minute, "a minute")
            say(f"memory for {count} watched", memory(bot) - before, "MiB")
            bot.process.terminate()
            await bot.ended()


def all_watched(slack: SandboxSlack, count: int) -> bool:
    """Whether so many messages say that they are watched."""
    return sum(message.edits for message in slack.messages) == count


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
