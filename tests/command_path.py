"""Print the files and functions of ``bot/`` that a command passes: ``python -m tests.command_path``

A command of a warm bot, from the signed request until its message is posted and the end of its task
is on disk. The sandbox does not count, nor do comprehensions and generator expressions.
"""

import asyncio
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from bot.durable.database import open_store
from bot.durable.store import Store
from bot.sandbox import SandboxBaseten, SandboxSlack
from tests.conftest import RESEARCH, Env

BOT = f"{Path(__file__).parent.parent / 'bot'}/"
SANDBOX = f"{BOT}sandbox/"


class CallRecorder:
    """Records the functions of ``bot/`` in the order of their first call."""

    def __init__(self) -> None:
        self.functions: dict[tuple[str, str], None] = {}

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Record a call; Python calls this as its profiler."""
        code = frame.f_code
        name = code.co_qualname
        if (
            event != "call"
            or not code.co_filename.startswith(BOT)
            or name.endswith(("comp>", "genexpr>"))
        ):
            return
        if not code.co_filename.startswith(SANDBOX):
            self.functions.setdefault((code.co_filename.removeprefix(BOT), name))

    @property
    def files(self) -> list[str]:
        """The files of these functions, in the same order."""
        return list(dict.fromkeys(file for file, _ in self.functions))


async def run_command(env: Env, store: Store, name: str) -> None:
    """Run a command until its message is posted and the end of its task is on disk."""
    posted = len(env.slack.messages)
    await env.slack.command(f"research {name}")
    await env.answered(posted + 1)
    while any(task_id.startswith("command:") for task_id in store.held):
        await asyncio.sleep(0.001)


async def record() -> CallRecorder:
    """Run four commands, and record the last one."""
    recorder = CallRecorder()
    with TemporaryDirectory() as folder:
        async with SandboxSlack() as slack, SandboxBaseten() as baseten:
            baseten.add_team("Research", id=RESEARCH)
            env = Env(slack, baseten, Path(folder))
            async with open_store(env.url) as store, env.running_on(store):
                for name in ("first", "second", "third"):  # fills the caches
                    await run_command(env, store, name)
                threading.setprofile(recorder)
                sys.setprofile(recorder)
                await run_command(env, store, "fourth")
                sys.setprofile(None)
                threading.setprofile(None)
    return recorder


if __name__ == "__main__":
    recorded = asyncio.run(record())
    for file in recorded.files:
        names = [name for at, name in recorded.functions if at == file]
        sys.stdout.write(f"{file}: {', '.join(names)}\n")
    sys.stdout.write(f"{len(recorded.files)} files, {len(recorded.functions)} functions\n")
