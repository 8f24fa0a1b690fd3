"""The costs of the bot: ``python -m tests.benchmark``. Prints figures, and judges nothing.

The bot runs as a process of its own. A Slack and a Baseten on loopback share this process, so a
slow or busy machine makes every time longer. Linux only: figures come from ``/proc``.
"""

import asyncio
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from bot.sandbox import Delay, SandboxBaseten, SandboxSlack
from tests import benchmark_names
from tests.conftest import RESEARCH, Env
from tests.process import Process, settings_of, started
from tests.scenarios.crowd import UPSERT, Crowd

_BASETEN = 0.05  # seconds that Baseten takes for a project
_RATE = 100  # commands a second
_TICK = os.sysconf("SC_CLK_TCK")
_REST = 10.0  # seconds


async def benchmark() -> None:
    """Measure one bot from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        async with SandboxSlack() as slack, SandboxBaseten() as baseten:
            baseten.add_team("Research", id=RESEARCH)
            baseten.faults.always(UPSERT, Delay(_BASETEN))
            env = Env(slack, baseten, Path(folder))
            crowd = Crowd(env, people=500, channels=50)
            began = time.perf_counter()
            async with started(cwd=env.folder, settings=settings_of(env)) as bot:
                await bot.until(lambda said: "listening" in said)
                say("start until the port is open", (time.perf_counter() - began) * 1000, "ms")
                slack.bot_url = await bot.ready()
                await at_rest(bot, "at rest, new")
                say("memory, idle", memory(bot), "MB")
                await one_at_a_time(crowd)
                await steadily(crowd, bot)
                await many_in_flight(crowd, bot)
                await syncs(crowd, bot)
                say(f"memory after {len(crowd.accepted)} commands", memory(bot), "MB")
                await flood(crowd)
                await at_rest(bot, "at rest, later")
                await bot.stopped()
    say("not answered, or answered twice", len(crowd.left()) + len(crowd.doubled()), "")
    for count in (1000, 10_000):
        await benchmark_names.benchmark(count)


async def one_at_a_time(crowd: Crowd) -> None:
    """Time the acks of commands that come one by one."""
    acks = []
    for _ in range(200):
        began = time.perf_counter()
        await crowd.type()
        acks.append((time.perf_counter() - began) * 1000)
        await crowd.all_answered(10)
    say("ack one at a time, p50", statistics.median(acks), "ms")
    say("                   p95", statistics.quantiles(acks, n=20)[18], "ms")


async def steadily(crowd: Crowd, bot: Process) -> None:
    """Send commands at a fixed rate; measure the CPU, and the time over Baseten's own."""
    before, cpu, began = set(crowd.accepted), cpu_seconds(bot), time.monotonic()
    count, typing = 5 * _RATE, []
    for number in range(count):
        await asyncio.sleep(began + number / _RATE - time.monotonic())
        typing.append(asyncio.create_task(crowd.type()))
    await asyncio.gather(*typing)
    await crowd.all_answered(30)
    say(f"CPU a command at {_RATE}/s", (cpu_seconds(bot) - cpu) / count * 1000, "ms")
    at = crowd.answered_at()
    new = [typed for name, typed in crowd.accepted.items() if name not in before]
    over = [(at[typed.name] - typed.at - _BASETEN) * 1000 for typed in new]
    say("   over Baseten's own time, p50", statistics.median(over), "ms")
    say("                            p95", statistics.quantiles(over, n=20)[18], "ms")


async def many_in_flight(crowd: Crowd, bot: Process, at_once: int = 200, count: int = 1300) -> None:
    """Keep so many commands in flight; measure the rate and the CPU."""
    cpu, began = cpu_seconds(bot), time.monotonic()
    slack, before = crowd.env.slack, len(crowd.env.slack.messages)
    typing: set[asyncio.Task[bool]] = set()

    def has_room(typed: int) -> bool:
        return typed - (len(slack.messages) - before) < at_once

    for typed in range(count):
        await slack.until(partial(has_room, typed), 60)
        typing.add(task := asyncio.create_task(crowd.type()))
        task.add_done_callback(typing.discard)
    await asyncio.gather(*typing)
    await crowd.all_answered(60)
    took = time.monotonic() - began
    say(f"commands/s, {at_once} in flight", count / took, "")
    say("   CPU a command", (cpu_seconds(bot) - cpu) / count * 1000, "ms")


async def syncs(crowd: Crowd, bot: Process) -> None:
    """Count the calls that wait for the disk, by strace."""
    if shutil.which("strace") is None:
        sys.stdout.write("fsyncs a command: not counted, as strace is not installed\n")
        return
    async with strace(bot) as calls:
        for _ in range(50):
            await crowd.type()
            await crowd.all_answered(10)
    say("fsyncs a command, one at a time", calls() / 50, "")
    async with strace(bot) as calls:
        for _ in range(5):
            await crowd.type_many([crowd.random.choice(crowd.people) for _ in range(100)])
            await crowd.all_answered(30)
    say("   100 at once", calls() / 500, "")


@asynccontextmanager
async def strace(bot: Process) -> AsyncIterator[Callable[[], int]]:
    """Count a process's fsyncs in the block; return the counter for afterwards."""
    with tempfile.NamedTemporaryFile() as found:
        options = ("-f", "-c", "-e", "trace=fsync,fdatasync", "-o", found.name)
        tracer = await asyncio.create_subprocess_exec(
            *("strace", *options, "-p", str(bot.process.pid)), stderr=asyncio.subprocess.PIPE
        )
        assert tracer.stderr is not None
        await tracer.stderr.readline()  # "attached"
        lines: list[str] = []
        yield lambda: sum(
            int(line.split()[3]) for line in lines if line.endswith(("fsync", "fdatasync"))
        )
        tracer.send_signal(signal.SIGINT)
        await tracer.communicate()
        lines += found.read().decode().splitlines()


async def flood(crowd: Crowd) -> None:
    """Let one person type 3,000 commands at once, and 20 others one each after that."""
    await crowd.type_many(["U0FLOOD"] * 3000)
    others = crowd.people[:20]
    before = set(crowd.accepted)
    await crowd.type_many(others)
    await crowd.all_answered(120)
    at = crowd.answered_at()
    waits = [at[name] - typed.at for name, typed in crowd.accepted.items() if name not in before]
    floods = [at[one.name] - one.at for one in crowd.accepted.values() if one.user == "U0FLOOD"]
    say("a flood of 3,000: it waits", max(floods), "s at most")
    say("   20 others, one command each", max(waits), "s at most")


async def at_rest(bot: Process, what: str) -> None:
    """Count the wake-ups and the CPU of all threads while nobody asks for anything."""
    await asyncio.sleep(2)  # for whatever was under way
    switches, cpu = wake_ups(bot), cpu_nanoseconds(bot)
    await asyncio.sleep(_REST)
    say(f"wake-ups a second, {what}", (wake_ups(bot) - switches) / _REST, "")
    say("   CPU", (cpu_nanoseconds(bot) - cpu) / _REST / 1e7, "% of a core")


def threads(bot: Process) -> list[Path]:
    """Return the folders of the bot's threads."""
    return list(Path(f"/proc/{bot.process.pid}/task").iterdir())


def wake_ups(bot: Process) -> int:
    """Return how often a thread of the bot has waited for something."""
    return sum(number(thread / "status", "voluntary_ctxt_switches") for thread in threads(bot))


def cpu_nanoseconds(bot: Process) -> int:
    """Return the processor time of the bot's threads, exactly."""
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads(bot))


def cpu_seconds(bot: Process) -> float:
    """Return the processor time of the bot."""
    fields = Path(f"/proc/{bot.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory(bot: Process) -> float:
    """Return the bot's resident memory in MB."""
    return number(Path(f"/proc/{bot.process.pid}/status"), "VmRSS") * 1024 / 1e6


def number(file: Path, name: str) -> int:
    """Return a number from a file with a name and a value a line."""
    (line,) = [line for line in file.read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1])


def say(what: str, figure: float, unit: str) -> None:
    """Print a figure."""
    sys.stdout.write(f"{what:36} {figure:8.2f} {unit}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(benchmark())
