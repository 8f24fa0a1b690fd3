"""A process is killed right after Slack has taken its message: the next one posts it no more."""

import sqlite3
from contextlib import closing

import pytest

from bot.sandbox import Hang, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.slack.server import DEFAULT_SCOPES
from tests.conftest import Env

POST, HISTORY = "/api/chat.postMessage", "/api/conversations.history"
BUSY = Respond(429, json={"ok": False, "error": "ratelimited"}, headers={"Retry-After": "0.1"})


async def killed_after_its_post(env: Env) -> None:
    """Leave the database as a kill does between a post and its end on disk."""
    env.slack.faults.next(POST, Hang(after=True))
    files = [f"{env.folder}/{name}" for name in ("bot.db", "killed.db")]
    async with env.running(shutdown_seconds=1):
        await env.slack.command("research sft")
        await env.answered()
        with closing(sqlite3.connect(files[0])) as dead, closing(sqlite3.connect(files[1])) as copy:
            dead.backup(copy)


@pytest.mark.parametrize("faults", [(), (BUSY,) * 5], ids=["read at once", "busy at first"])
async def test_it_is_looked_for_until_it_is_found(idle_env: Env, faults: tuple[Fault]) -> None:
    idle_env.slack.scopes = (*DEFAULT_SCOPES, "channels:history")
    await killed_after_its_post(idle_env)
    idle_env.slack.faults.next(HISTORY, *faults)
    async with idle_env.running(database_url=f"sqlite:///{idle_env.folder}/killed.db") as bot:
        await idle_env.slack.until(
            lambda: [r.path for r in idle_env.slack.requests].count(HISTORY) > len(faults)
        )
        await bot.drain()
    assert len(idle_env.slack.messages) == 1


async def test_where_the_bot_may_not_look_it_is_posted_with_the_same_id(idle_env: Env) -> None:
    await killed_after_its_post(idle_env)
    async with idle_env.running(database_url=f"sqlite:///{idle_env.folder}/killed.db"):
        await idle_env.answered(2)
    first, second = [r.json() for r in idle_env.slack.requests if r.path == POST]
    assert first["client_msg_id"] == second["client_msg_id"]
