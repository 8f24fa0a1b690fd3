"""The costs of a poll with 5,000 watches: ``python -m tests.benchmark_watches``.

A Baseten on loopback answers from another thread with a finished body, so nearly all of the CPU is
the bot's.
"""

import asyncio
import gc
import gzip
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp

from bot.__main__ import COLLECT
from bot.baseten.client import Baseten
from bot.baseten.models import TrainingProject
from bot.baseten.transport import AiohttpTransport
from bot.durable.context import TaskContext
from bot.durable.database import open_store
from bot.durable.model import Task
from bot.durable.room import Limits, Room
from bot.durable.store import Store
from bot.follows.store import Follows
from bot.projects.creation import CreationOutcome
from bot.projects.message_state import MessageState
from bot.telemetry.redaction import Redactor
from bot.watches.model import Watch
from bot.watches.poller import POLL, Poller, PollInterval
from bot.watches.store import Watches
from tests.benchmark_names import project

_POLLS = 12


def projects_of(count: int) -> list[dict[str, object]]:
    """Describe projects, each with a job that runs."""
    found = []
    for number in range(count):
        each = json.loads(json.dumps(project(f"project-{number}")))
        each["id"] = f"p{number:06}"
        job = each["latest_job"]
        job |= {"id": f"j{number:06}", "current_status": "TRAINING_JOB_RUNNING"}
        job |= {"training_project_id": each["id"]}
        job["training_project"] = {"id": each["id"], "name": each["name"]}
        found.append(each)
    return found


class Answer:
    """The body of each answer of the API, compressed."""

    def __init__(self, projects: list[dict[str, object]]) -> None:
        self.projects = projects
        self.write()

    def write(self) -> None:
        jobs = [each["latest_job"] for each in self.projects]
        self.body = gzip.compress(json.dumps({"training_jobs": jobs}).encode())


@contextmanager
def api(answer: Answer) -> Iterator[str]:
    """Serve the search for jobs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


async def fill(watches: Watches, projects: list[dict[str, object]]) -> None:
    """Watch a message of each project."""
    for number, each in enumerate(projects):
        project_id = str(each["id"])
        state = MessageState(
            project_id=project_id, team="Research", outcome=CreationOutcome.EXISTED
        )
        watch = Watch(
            id=f"{number:032x}",
            channel_id=f"C0SANDBO{number % 100:02}",
            ts=f"17{number:08}.000100",
            thread_ts=f"17{number:08}.000100",
            watchers=("U0SANDBOX1", "U0SANDBOX2"),
            message_state=state,
            project=TrainingProject.model_validate(each),
            started_at=datetime.now(UTC),
        )
        await watches.create(watch)


async def stalls(longest: list[float]) -> None:
    """Measure how late a timer of 1 ms is, again and again."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        longest.append((time.perf_counter() - began - 0.001) * 1000)


async def measure(poller: Poller, store: Store, clock: list[datetime]) -> tuple[float, float]:
    """Poll once; return the CPU and the longest stall in ms."""
    clock[0] += timedelta(seconds=61)
    late: list[float] = []
    watcher = asyncio.create_task(stalls(late))
    await asyncio.sleep(0.01)
    late.clear()
    context = TaskContext(
        Task(POLL, POLL, {}, clock[0]), store, Room(Limits(), set(), lambda: None)
    )
    began = time.process_time()
    await poller.handle(context)
    used = (time.process_time() - began) * 1000
    watcher.cancel()
    return used, max(late, default=0.0)


async def benchmark(count: int) -> None:
    """Poll watches of jobs that do not change, and then of jobs of which 1 % changes."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        store = await stack.enter_async_context(open_store(f"sqlite:///{folder}/bot.db"))
        answer = Answer(projects_of(count))
        url = stack.enter_context(api(answer))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        baseten = Baseten(AiohttpTransport(session), url, "key", 30, Redactor(()))
        watches, clock = Watches(store), [datetime.now(UTC)]
        await fill(watches, answer.projects)
        poller = Poller(
            baseten, store, watches, Follows(store), PollInterval(), 1800, lambda: clock[0]
        )
        say(count, "first poll", [await measure(poller, store, clock)])
        still = [await measure(poller, store, clock) for _ in range(_POLLS)]
        say(count, "nothing changes", still)
        for each in answer.projects[: count // 100]:
            each["latest_job"]["error_message"] = "Spot capacity is available."  # type: ignore[index]
        answer.write()
        say(count, "1 % changes", [await measure(poller, store, clock)])


def say(count: int, what: str, measured: list[tuple[float, float]]) -> None:
    """Print the CPU of a poll, and the longest stall of the event loop."""
    cpu = statistics.median(used for used, _ in measured)
    stall = max(stall for _, stall in measured)
    sys.stdout.write(
        f"a poll of {count} watches, {what:16} {cpu:8.1f} ms of CPU,"
        f" longest stall {stall:6.1f} ms\n"
    )


if __name__ == "__main__":
    gc.set_threshold(*COLLECT)  # as in bot/__main__.py
    gc.freeze()
    for number_of_watches in (100, 5000):
        asyncio.run(benchmark(number_of_watches))
