"""Tasks in the database, as processes leave them."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

from bot.durable.database import open_store
from bot.durable.model import Enqueue, Task
from bot.handlers.open_task import OPEN_PROJECT, OpenProjectTask
from bot.projects.request import ProjectRequest
from bot.slack.message import ReplyTarget
from tests.conftest import Env

CHANNEL, USER = "C0SANDBOX1", "U0SANDBOX1"
POST, HISTORY = "/api/chat.postMessage", "/api/conversations.history"
REPLIES = "/api/conversations.replies"


def order(**changes: Any) -> OpenProjectTask:
    """Return a command about a new project."""
    asked = OpenProjectTask(
        request=ProjectRequest("research", "sft"), place=ReplyTarget(USER, CHANNEL)
    )
    return asked.model_copy(update=changes)


async def enqueue(
    env: Env,
    asked: OpenProjectTask,
    task_id: str = "w1",
    *,
    begun: bool = False,
    kind: str = OPEN_PROJECT,
) -> None:
    """Leave a task in the file; with ``begun`` a process was killed in its first step."""
    async with open_store(env.url) as store:
        new = Enqueue(
            task_id,
            kind,
            asked.state(),
            "commands",
            lane=asked.place.channel_id,
            owner=store.owner if begun else "",
        )
        (inserted,) = await store.write(new)
        assert inserted


async def get(env: Env, task_id: str = "w1") -> Task:
    """Return a task as it is in the file."""
    async with open_store(env.url) as store:
        task = await store.get(task_id)
    assert task is not None
    return task


def reopen(env: Env, task_id: str = "w1") -> None:
    """Take the end of a task back, as a kill between its post and its end on disk does."""
    set_columns(env, "owner = 'this process', ended_at = NULL", task_id)


def grow_old(env: Env, minutes: float, task_id: str = "w1") -> None:
    """Let a task be accepted longer ago."""
    set_columns(env, f"created_at = created_at - {minutes * 60}", task_id)


def set_columns(env: Env, columns: str, task_id: str = "w1") -> None:
    """Change a task in the file; no bot runs."""
    update = f"UPDATE training_bot_tasks SET {columns} WHERE id GLOB ?"
    with closing(sqlite3.connect(env.folder / "bot.db")) as database, database:
        assert database.execute(update, (task_id,)).rowcount == 1


async def until_ended(env: Env, kind: str = OPEN_PROJECT) -> None:
    """Wait until no task of this kind is open; the bot runs."""
    query = "SELECT count(*) FROM training_bot_tasks WHERE kind = ? AND ended_at IS NULL"
    async with asyncio.timeout(20):
        with closing(sqlite3.connect(env.folder / "bot.db")) as database:
            while database.execute(query, (kind,)).fetchone() != (0,):
                await asyncio.sleep(0.02)
