"""The costs of the names of 1,000 and 10,000 projects: ``python -m tests.benchmark_names``.

A Baseten on loopback answers from another thread, so the event loop here belongs to the bot alone.
"""

import asyncio
import itertools
import json
import random
import statistics
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp

from bot.baseten.client import Baseten
from bot.baseten.transport import AiohttpTransport
from bot.durable.database import open_store
from bot.projects.request import ProjectRequest
from bot.projects.service import Projects
from bot.projects.similar_names import SimilarNames
from bot.telemetry.redaction import Redactor

_WORDS = (
    "llama",
    "qwen",
    "mistral",
    "sft",
    "dpo",
    "support",
    "bot",
    "long",
    "code",
    "vision",
    "eval",
)
_WHEN = "2026-11-23T17:10:00.123456Z"


def names_of(count: int) -> list[str]:
    """Make up names that resemble each other."""
    chosen = random.Random(1)  # noqa: S311 - no secret
    return ["-".join(chosen.choices(_WORDS, k=4)) + f"-{number}" for number in range(count)]


def project(name: str) -> dict[str, object]:
    """Describe a project with a latest job, as the API does: 760 bytes."""
    of = {"id": "yqvj7q3", "name": name}
    machine = {"id": "H100:8", "name": "H100:8x80x1200", "gpu_count": 8, "gpu_type": "H100"}
    job = {
        "id": "j7q3abc",
        "created_at": _WHEN,
        "updated_at": _WHEN,
        "current_status": "TRAINING_JOB_COMPLETED",
        "error_message": None,
        "instance_type": machine | {"memory_limit_mib": 983_040, "millicpu_limit": 96_000},
        "training_project_id": "yqvj7q3",
        "training_project": of,
        "name": "epoch-3",
        "node_count": 2,
        "checkpoint_sync_status": "COMPLETED",
        "availability_model": "dedicated",
        "user": {"email": "somebody@example.com"},
    }
    when = {"created_at": _WHEN, "updated_at": _WHEN}
    return of | when | {"team_name": "Research", "latest_job": job}


@contextmanager
def api(names: list[str]) -> Iterator[str]:
    """Serve one team and its projects."""
    teams = {"teams": [{"id": "wp7ndew", "name": "Research", "default": True}]}
    projects = {"training_projects": [project(name) for name in names]}
    bodies = {"/v1/teams": json.dumps(teams), "/v1/training_projects": json.dumps(projects)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = bodies[self.path].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Stalls:
    """Measures how long the event loop lets nobody else have a turn."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        """Take turns until cancelled."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0)
            self.longest = max(self.longest, time.perf_counter() - began)


async def benchmark(count: int) -> None:
    """Measure the first list, then the names of commands, with so many projects."""
    names = names_of(count)
    index_cost(names)
    with api(names) as url:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            store = await stack.enter_async_context(open_store(f"sqlite:///{folder}/bot.db"))
            baseten = Baseten(AiohttpTransport(session), url, "made-up", 30, Redactor())
            projects = Projects(baseten, store)

            async def first_look() -> None:
                await projects.find_existing(ProjectRequest("Research", "warm-up"))

            await baseten.list_teams()  # imports and connects
            for what, work in (
                ("first look: fetch, index", first_look),
                ("watched projects: fetch", lambda: baseten.list_training_projects({"watched"})),
            ):
                stalls = Stalls()
                watching = asyncio.create_task(stalls.watch())
                began, cpu = time.perf_counter(), time.process_time()
                await work()
                took, used = time.perf_counter() - began, time.process_time() - cpu
                watching.cancel()
                say(count, what, took * 1000, f"ms; {used * 1000:.0f} ms of CPU with the server's")
                say(count, "    longest stall", stalls.longest * 1000, "ms")
            await looks(count, projects, names)


def index_cost(names: list[str]) -> None:
    """Measure the memory of an index of these names, which includes the names themselves."""
    tracemalloc.start()
    index = SimilarNames()
    for name in names:
        index.add("".join(name))
    say(len(names), "index: memory", tracemalloc.get_traced_memory()[0] / 1e6, "MB")
    tracemalloc.stop()


async def looks(count: int, projects: Projects, names: list[str]) -> None:
    """Measure the share of a command: exact names, typos, beginnings and new names."""
    chosen = random.Random(2).sample(names, 250)  # noqa: S311 - no secret
    typed = itertools.chain.from_iterable(
        (
            name,
            name[:3] + name[4:],
            name[:12] + "z" + name[13:],
            name[:-2],
            f"{name}-new",
            name[::-1],
        )
        for name in chosen
    )
    costs = []
    for name in typed:
        request = ProjectRequest("Research", name)
        began = time.process_time()
        found = await projects.find_existing(request)
        costs.append((time.process_time() - began) * 1000)
        if found.listed is None:
            sys.exit("the list of projects is missing")
    say(count, "look: mean CPU", statistics.mean(costs), "ms")
    say(count, "    99th percentile", statistics.quantiles(costs, n=100)[98], "ms")


def say(count: int, what: str, figure: float, unit: str) -> None:
    """Print a figure."""
    print(f"{count:>6} projects  {what:<24} {figure:8.3f} {unit}")  # noqa: T201 - a benchmark prints


if __name__ == "__main__":
    for number in (1000, 10_000):
        asyncio.run(benchmark(number))
