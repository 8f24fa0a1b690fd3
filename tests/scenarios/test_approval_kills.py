"""A kill at any call of a request for approval neither loses nor doubles anything."""

import sqlite3
from contextlib import closing

import pytest

from bot.sandbox import Hang
from tests.conftest import Env
from tests.scenarios.approvals import (
    ASK,
    RULE,
    asked,
    cards,
    closed,
    decide,
    direct,
    heard,
    projects,
    said,
    told,
)
from tests.scenarios.crowd import UPSERT, may_read
from tests.scenarios.rules import HERE, LEE, THERE, ruled
from tests.scenarios.tasks import set_columns, until_ended

POST, UPDATE, LINK = "/api/chat.postMessage", "/api/chat.update", "/api/chat.getPermalink"
RESPONSE = "/response/.*"
BEFORE_AND_AFTER = pytest.mark.parametrize("done", [False, True], ids=["before", "after"])


def copy_database(env: Env) -> str:
    """Copy the database at this moment, as a kill leaves it; return the URL of the copy."""
    files = [f"{env.folder}/{name}" for name in ("bot.db", "killed.db")]
    with closing(sqlite3.connect(files[0])) as dead, closing(sqlite3.connect(files[1])) as copy:
        dead.backup(copy)
    return f"sqlite:///{files[1]}"


async def approved(env: Env) -> None:
    """Wait until the approval of the one request has all its effects."""
    await heard(env, "approved *sft* in *Research*")
    await closed(env, cards(env)[0])
    await env.slack.until(lambda: len(projects(env)) == 1)


def assert_once(env: Env) -> None:
    """Nothing is there twice, however often a task ran."""
    assert len(cards(env)) == len(projects(env)) == len(direct(env)) == 1
    assert len(env.baseten.projects()) == 1


@BEFORE_AND_AFTER
@pytest.mark.parametrize("call", [POST, LINK, RESPONSE])
async def test_a_kill_while_the_bot_asks(idle_env: Env, call: str, *, done: bool) -> None:
    if call == POST:
        may_read(idle_env)
    idle_env.slack.faults.next(call, Hang(after=done))
    calls = len([each for each in idle_env.slack.requests if call.rstrip(".*") in each.path])
    async with ruled(idle_env, RULE, shutdown_seconds=1):
        await idle_env.slack.command("research sft", user=LEE)
        await idle_env.slack.until(
            lambda: any(call.rstrip(".*") in each.path for each in idle_env.slack.requests[calls:])
        )
        url = copy_database(idle_env)
    async with ruled(idle_env, RULE, database_url=url):
        await idle_env.slack.until(lambda: bool(cards(idle_env) and said(idle_env, LEE)))
        await decide(idle_env, cards(idle_env)[0])
        await approved(idle_env)
    assert_once(idle_env)
    assert len(idle_env.baseten.upserts) == 1


async def test_a_kill_before_the_words_that_nothing_waits(idle_env: Env) -> None:
    async with ruled(idle_env, RULE, shutdown_seconds=1):
        idle_env.slack.add_channel(THERE, archived=True)
        idle_env.slack.faults.next(RESPONSE, Hang())
        await idle_env.slack.command("research sft", user=LEE)
        await idle_env.slack.until(
            lambda: any("/response/" in each.path for each in idle_env.slack.requests)
        )
        url = copy_database(idle_env)
    async with ruled(idle_env, RULE, database_url=url):
        await told(idle_env, "Your request does not wait any more", LEE)


@BEFORE_AND_AFTER
@pytest.mark.parametrize(
    ("call", "containing"),
    [(UPSERT, ""), (UPDATE, THERE), (POST, f'"{HERE}"'), (POST, f'"{LEE}"'), (LINK, "")],
    ids=["upsert", "card", "project", "direct message", "link"],
)
async def test_a_kill_after_the_decision(
    idle_env: Env, call: str, containing: str, *, done: bool
) -> None:
    may_read(idle_env)
    idle_env.slack.drops_repeats = True  # the bot cannot read direct messages
    server = idle_env.baseten if call == UPSERT else idle_env.slack
    async with ruled(idle_env, RULE, shutdown_seconds=1):
        card = await asked(idle_env)
        server.faults.next(call, Hang(after=done), containing=containing)
        before = len(server.requests)
        await decide(idle_env, card)
        await server.until(
            lambda: any(
                call in (UPSERT, each.path) and containing in each.body.decode()
                for each in server.requests[before:]
                if each.method == "POST" or call == LINK
            )
        )
        url = copy_database(idle_env)
    async with ruled(idle_env, RULE, database_url=url):
        await approved(idle_env)
    assert_once(idle_env)


TASKS = ["command:*", ASK, "approval decision/1:*", "approval card/1:*", "approved:*"]


@pytest.mark.parametrize("task_id", [*TASKS, "approval outcome/1:*"])
async def test_a_task_that_a_kill_repeats_changes_nothing(idle_env: Env, task_id: str) -> None:
    may_read(idle_env)
    idle_env.slack.drops_repeats = True
    async with ruled(idle_env, RULE):
        await decide(idle_env, await asked(idle_env))
        await approved(idle_env)
    set_columns(idle_env, "owner = 'this process', ended_at = NULL, due_at = NULL", task_id)
    words = len(idle_env.slack.ephemerals)
    async with ruled(idle_env, RULE):
        kinds = ["open/2", "approval decision/1", "approval card/1", "approval outcome/1"]
        for kind in [*kinds, *(["approval/1"] if task_id == ASK else [])]:  # else it sleeps
            await until_ended(idle_env, kind)
    assert_once(idle_env)
    assert len(idle_env.slack.ephemerals) == words


async def test_a_click_before_the_bot_knows_its_own_question(idle_env: Env) -> None:
    idle_env.slack.faults.next(POST, Hang(after=True))
    async with ruled(idle_env, RULE, shutdown_seconds=1):
        await idle_env.slack.command("research sft", user=LEE)
        await idle_env.slack.until(lambda: bool(cards(idle_env)))
        await decide(idle_env, cards(idle_env)[0])
        await approved(idle_env)
    assert_once(idle_env)


async def test_a_question_after_the_decision_is_not_posted(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        await decide(idle_env, await asked(idle_env))
        await approved(idle_env)
    set_columns(idle_env, "state = json_set(state, '$.step', 'card'), due_at = 1", ASK)
    async with ruled(idle_env, RULE):
        await until_ended(idle_env, "approval/1")
    assert_once(idle_env)


async def test_a_withdrawal_after_the_decision_says_nothing(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        await decide(idle_env, await asked(idle_env))
        await approved(idle_env)
    set_columns(idle_env, "state = json_set(state, '$.step', 'withdraw'), due_at = 1", ASK)
    async with ruled(idle_env, RULE):
        await until_ended(idle_env, "approval/1")
    assert len(said(idle_env, LEE)) == 1
