"""The audit log of a bot under rules: its rows, and a clock that the test moves."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.app import Bot
from bot.wiring import Tuning
from tests.conftest import Env
from tests.durable.conftest import until
from tests.scenarios.rules import GROUP, SCOPES, THERE


@dataclass
class Clock:
    """A clock that stands still until the test moves it."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        """Return the time."""
        return self.at

    def next_minute(self) -> None:
        """Let a minute pass, so that a person can have another refusal."""
        self.at += timedelta(minutes=1)


@asynccontextmanager
async def audited(
    env: Env, rules: str = "# none", clock: Clock | None = None, **changes: Any
) -> AsyncIterator[Bot]:
    """Run the bot with these rules."""
    env.slack.scopes = (*env.slack.scopes, *SCOPES)
    env.slack.set_group(GROUP)
    env.slack.add_channel(THERE)
    path = env.folder / "access.toml"
    path.write_text(rules, encoding="utf-8")
    now = (clock or Clock()).now
    tuning = Tuning(now=now, looks=(0.1, 0.2), settles=(0.05, 0.1))
    async with env.running(tuning, **({"access_file": path} | changes)) as bot:
        yield bot


def rows(env: Env) -> list[dict[str, Any]]:
    """Return the rows in the order in which they were written."""
    with closing(sqlite3.connect(env.folder / "bot.db")) as database:
        found = database.execute("SELECT event FROM training_bot_audit ORDER BY rowid").fetchall()
    return [json.loads(event) for (event,) in found]


async def until_rows(env: Env, count: int) -> dict[str, Any]:
    """Wait until there are so many rows, and return the last; there are never more."""
    await until(lambda: len(rows(env)) >= count)
    found = rows(env)
    assert len(found) == count, found[count - 1 :]
    return found[-1]
