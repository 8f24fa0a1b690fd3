"""``AUDIT_CHANNEL``: a line for each act, none for a refusal, and no harm if Slack refuses."""

import asyncio
import sqlite3
from contextlib import closing
from functools import partial

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from bot.sandbox import PostedMessage, Respond
from tests.conftest import Env
from tests.durable.conftest import until
from tests.scenarios.audited import audited, rows, until_rows
from tests.scenarios.rules import DANA, LEE, granted
from tests.scenarios.tasks import until_ended

AUDIT = "C0AUDIT001"
POST = "/api/chat.postMessage"


def lines(env: Env) -> list[str]:
    """The lines in the channel."""
    return [line for message in messages(env) for line in message.text.split("\n")]


def messages(env: Env) -> list[PostedMessage]:
    return [each for each in env.slack.messages if each.channel == AUDIT]


def unposted(env: Env) -> int:
    with closing(sqlite3.connect(env.folder / "bot.db")) as database:
        (count,) = database.execute(
            "SELECT count(*) FROM training_bot_audit WHERE unposted = 1"
        ).fetchone()
    return int(count)


def all_posted(env: Env) -> bool:
    return unposted(env) == 0


async def test_many_acts_are_one_message_and_refusals_are_none(idle_env: Env) -> None:
    idle_env.slack.add_channel(AUDIT)
    async with audited(idle_env, granted(DANA), audit_channel=AUDIT):
        slack = idle_env.slack
        await asyncio.gather(
            *(slack.command(f"research p{n}", user=user) for n in range(5) for user in (DANA, LEE))
        )
        await until_rows(idle_env, 6)
        await slack.until(lambda: len(lines(idle_env)) == 5)
    assert len(messages(idle_env)) <= 2
    assert LEE not in str([message.blocks for message in messages(idle_env)])
    first = next(line for line in lines(idle_env) if "*p0*" in line)
    assert first.startswith(f"<@{DANA}> created *p0* in *Research* · command in `C0SANDBOX1` · ")
    assert "grant 1" in first
    assert unposted(idle_env) == 0


async def test_events_with_long_names_are_several_messages(idle_env: Env) -> None:
    idle_env.slack.add_channel(AUDIT)
    async with audited(idle_env, audit_channel=AUDIT):
        for number in range(30):
            await idle_env.slack.command(f"research p{number}-{'&' * 90}")
        await until_rows(idle_env, 30)
        await idle_env.slack.until(lambda: len(lines(idle_env)) == 30)
    assert 1 < len(messages(idle_env)) < 10
    assert unposted(idle_env) == 0


async def test_acts_of_a_killed_process_are_posted_by_the_next(idle_env: Env) -> None:
    idle_env.slack.scopes = (*idle_env.slack.scopes, "channels:history")
    idle_env.slack.add_channel(AUDIT)
    async with audited(idle_env, audit_channel=AUDIT):
        await idle_env.slack.command("research sft")
        await until_rows(idle_env, 1)  # and it ends before the collector wakes
    assert (lines(idle_env), unposted(idle_env)) == ([], 1)
    with closing(sqlite3.connect(idle_env.folder / "bot.db")) as database, database:
        due = "UPDATE training_bot_tasks SET due_at = 0 WHERE id = 'audit'"  # a minute later
        assert database.execute(due).rowcount == 1
    async with audited(idle_env, audit_channel=AUDIT):
        await idle_env.slack.until(lambda: len(lines(idle_env)) == 1)
        await until_ended(idle_env, "audit/1")
    # The post is on disk; a kill before the end of its task is on disk repeats nothing.
    with closing(sqlite3.connect(idle_env.folder / "bot.db")) as database, database:
        again = "UPDATE training_bot_tasks SET owner = 'x', ended_at = NULL WHERE kind = 'audit/1'"
        assert database.execute(again).rowcount == 1
    async with audited(idle_env, audit_channel=AUDIT):
        await until_ended(idle_env, "audit/1")
    assert len(lines(idle_env)) == 1


async def test_a_channel_that_refuses_is_one_warning(idle_env: Env) -> None:
    with capture_logs() as logged:
        async with audited(idle_env, audit_channel="C0NOBODY01"):
            for number in range(2):
                await idle_env.slack.command(f"research p{number}")
                await idle_env.answered(number + 1)
                await until_rows(idle_env, number + 1)
                await until(partial(all_posted, idle_env))
                await until_ended(idle_env, "audit/1")
    warned = [
        line for line in logged if line["log_level"] == "warning" and "AUDIT" in line["event"]
    ]
    assert [line["slack_error"] for line in warned] == ["channel_not_found"]
    assert len(rows(idle_env)) == 2


async def test_a_channel_that_takes_no_more_at_the_moment_gets_the_lines_later(
    idle_env: Env,
) -> None:
    idle_env.slack.add_channel(AUDIT)
    busy = Respond(429, headers={"Retry-After": "2"})  # too long for a repeat within the call
    idle_env.slack.faults.next(POST, busy, busy, containing=AUDIT)
    async with audited(idle_env, audit_channel=AUDIT):
        await idle_env.slack.command("research sft")
        await idle_env.slack.until(lambda: len(lines(idle_env)) == 1)


@pytest.mark.parametrize("wrong", ["#audit", "audit", "U0DANA0001", "c0audit001"])
def test_a_name_is_no_channel(wrong: str, idle_env: Env) -> None:
    with pytest.raises(ValidationError, match="audit_channel"):
        idle_env.settings(audit_channel=wrong)
