"""Baseten is away after an approval: the approval is not lost, and is not used up."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.baseten.errors import Paused
from bot.durable.context import TaskContext
from bot.durable.database import open_store
from bot.durable.model import Outcome
from bot.durable.room import Limits, Room
from bot.handlers.approved import run_approved
from bot.listeners.workflow_step import STEP
from bot.sandbox import Respond
from tests.conftest import RESEARCH, Env
from tests.scenarios.approvals import (
    APPROVE,
    RULE,
    asked,
    buttons,
    cards,
    closed,
    decide,
    direct,
    heard,
    nothing_created,
    projects,
)
from tests.scenarios.audited import rows
from tests.scenarios.rules import DANA, GROUP, HERE, LEE, WORKFLOW, change, granted, ruled
from tests.scenarios.tasks import enqueue, get, grow_old, order, set_columns

APPROVED = "approved:*"  # the task
UPSERT = f"/v1/teams/{RESEARCH}/training_projects"
NOW = {"Retry-After": "0"}  # so that the client's own repeats are over soon
AWAY: list[tuple[str, Respond]] = [
    (UPSERT, Respond(503, headers=NOW)),
    (UPSERT, Respond(500, headers=NOW)),
    (UPSERT, Respond(500, headers=NOW, after=True)),  # it did the work
    (UPSERT, Respond(429, headers=NOW)),
    (UPSERT, Respond(200, body=b"<html>", headers={"Content-Type": "text/html"})),
]


async def approved_while_away(env: Env, path: str, fault: Respond) -> str:
    """Approve a project while Baseten fails, until the requester knows it; return the task."""
    async with ruled(env, RULE):
        card = await asked(env)
        value = buttons(card)[0]["value"]
        env.baseten.faults.always(path, fault)
        await decide(env, card)
        text = await heard(env, "I keep trying for an hour")
        assert text.startswith(f"⏳ <@{DANA}> approved *sft*, but Baseten or Slack doesn't answer")
        assert "approved by" in await closed(env, card)
    env.baseten.faults.clear()
    set_columns(env, "due_at = 1", APPROVED)
    request: str = json.loads(value)["id"]
    return f"approved:{request}"


@pytest.mark.parametrize(("path", "fault"), AWAY, ids=str)
async def test_an_outage_costs_no_approval(idle_env: Env, path: str, fault: Respond) -> None:
    task = await get(idle_env, await approved_while_away(idle_env, path, fault))
    # Then the next upsert finds the project that this one perhaps created.
    assert task.step_may_have_run == (fault.status not in {429, 503})
    origin, outcome = "I created it", "created"
    if fault.after:  # a minute later Baseten's clock does not tell who created it
        idle_env.baseten.now = lambda: datetime.now(UTC) + timedelta(minutes=1)
        origin, outcome = "It's ready", "opened or created"
    async with ruled(idle_env, RULE):
        await heard(idle_env, f"approved *sft* in *Research*. {origin}")
    assert (len(cards(idle_env)), len(projects(idle_env)), len(direct(idle_env))) == (1, 1, 2)
    outcomes = [row["outcome"] for row in rows(idle_env)]
    assert sorted(outcomes) == ["approval requested", "approved", outcome]


async def test_an_outage_while_the_rights_are_asked_costs_no_approval(idle_env: Env) -> None:
    unknown = Respond(200, {"ok": False, "error": "internal_error"})
    rules = granted(GROUP) + granted(LEE, "view", teams="Other") + RULE.replace(GROUP, DANA)
    async with ruled(idle_env, rules) as bot:
        idle_env.slack.set_group(GROUP, LEE)
        card = await asked(idle_env)
    async with ruled(idle_env, rules) as bot:  # no members in memory
        idle_env.slack.faults.always("/api/usergroups.users.list", unknown)
        await decide(idle_env, card)
        await heard(idle_env, "I keep trying for an hour")
        assert nothing_created(idle_env)
        await change(idle_env, bot, granted(LEE) + RULE)
    set_columns(idle_env, "due_at = 1", APPROVED)
    async with ruled(idle_env, granted(LEE) + RULE):
        await heard(idle_env, "approved *sft* in *Research*. I created it")


async def test_a_second_failure_is_silent_and_the_last_has_words(idle_env: Env) -> None:
    away = Respond(503, headers=NOW)
    await approved_while_away(idle_env, UPSERT, away)
    idle_env.baseten.faults.always(UPSERT, away)
    async with ruled(idle_env, RULE):
        await idle_env.baseten.until(lambda: len(idle_env.baseten.upserts) >= 8)
        await idle_env.bot.drain()
    assert len(direct(idle_env)) == 1
    grow_old(idle_env, 61, APPROVED)
    set_columns(idle_env, "due_at = 1", APPROVED)
    async with ruled(idle_env, RULE):
        text = await heard(idle_env, f"<@{DANA}> approved *sft*, but I couldn't finish")
    assert "Baseten is having problems" in text
    assert "If you ask again, the project needs approval again" in text


async def test_a_refusal_of_baseten_is_told_at_once(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        card = await asked(idle_env)
        idle_env.baseten.faults.always(UPSERT, Respond(400, {"message": "no such name"}))
        await decide(idle_env, card)
        text = await heard(idle_env, "approved *sft*, but I couldn't finish")
    assert "no such name" in text
    assert len(direct(idle_env)) == 1


async def test_a_workflow_step_waits_for_baseten(idle_env: Env) -> None:
    inputs = {"team": "research", "name": "sft", "channel": HERE}
    async with ruled(idle_env, RULE):
        await idle_env.slack.function_executed(STEP, inputs, workflow_id=WORKFLOW)
        await idle_env.slack.until(lambda: bool(cards(idle_env)))
        idle_env.baseten.faults.always(UPSERT, Respond(503, headers=NOW))
        await decide(idle_env, cards(idle_env)[0], APPROVE)
        await idle_env.baseten.until(lambda: len(idle_env.baseten.upserts) >= 4)
        await closed(idle_env, cards(idle_env)[0])
    assert idle_env.slack.completions == []
    idle_env.baseten.faults.clear()
    set_columns(idle_env, "due_at = 1", APPROVED)
    async with ruled(idle_env, RULE):
        await idle_env.slack.until(lambda: bool(idle_env.slack.completions))
    (completion,) = idle_env.slack.completions
    assert (completion.outputs or {})["created"] is True


async def test_nothing_is_repeated_after_the_project_is_open(idle_env: Env) -> None:
    """A repeat would post its message again."""

    async def work() -> Outcome:
        raise Paused("Baseten keeps failing", 5.0)

    async def tell() -> None:
        raise AssertionError

    await enqueue(idle_env, order(approved_by=DANA, step="post"))
    async with open_store(idle_env.url) as store:
        task = await store.get("w1")
        assert task is not None
        context = TaskContext(task, store, Room(Limits(), set(), lambda: None))
        with pytest.raises(Paused):
            await run_approved(context, work, tell)
