"""The audit log: a scripted day as a golden file, and its rules."""

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from typing import Any

from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.sandbox import PostedMessage, Respond
from tests.conftest import RESEARCH, Env
from tests.durable.conftest import until
from tests.durable.postgres import postgres_programs, postgres_server, postgres_url
from tests.golden import assert_golden
from tests.scenarios import acts, rules
from tests.scenarios.audited import Clock, audited, rows, until_rows
from tests.scenarios.filled import chosen, dialog, typed
from tests.scenarios.rules import DANA, HERE, LEE, THERE, WORKFLOW, Who, granted
from tests.scenarios.tasks import enqueue, get, order, reopen
from tests.scenarios.test_job_list import look
from tests.scenarios.test_overflow import question

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

GUEST, KIM, FOREIGN, PARTNER = "U0GUEST001", "U0KIM00001", "U0FOREIGN1", "U0PARTNER1"
RULES = (
    'guests = "deny"\n'
    f'channels = ["{HERE}", "{THERE}", "C0AUDIT001"]\n'
    + granted(DANA, "create", "view", "logs", "stop")
    + granted(LEE, "view", more=f'in = ["{HERE}"]')
    + granted(WORKFLOW, "create")
)


def normalized(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without times, and with numbers for ids."""
    numbers: dict[str, str] = {}

    def number(kind: str, value: str) -> str:
        return numbers.setdefault(value, f"{kind} {len(numbers) + 1}") if value else ""

    shown = []
    for row in found:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["time"])
        assert 0 <= row["seconds"] < 60
        changes = {
            "task": row["task"].partition(":")[0],
            "project": number("project", row["project"]),
            "job": number("job", row["job"]),
        }
        kept = {name: value for name, value in row.items() if name not in {"time", "seconds"}}
        shown.append(kept | changes)
    return shown


async def test_a_day_with_rules(idle_env: Env) -> None:
    env, clock = idle_env, Clock()
    env.slack.add_guest(GUEST)
    env.slack.add_outsider(FOREIGN, here=False)
    env.slack.add_outsider(PARTNER)
    env.baseten.add_team("Ops", id="0psteam")
    async with audited(env, RULES, clock):
        await open_projects(env)
        message = rules.shows(env, "sft")[0]
        await watch(env, message)
        scene = acts.Scene(env, message, *ids(env, "sft"))
        await scene.confirm("stop")
        await until_rows(env, 12)
        await be_refused(env, message)
        clock.next_minute()
        await env.slack.command("default brand-new", user=LEE)  # a team that Lee cannot use
        await until_rows(env, 19)
        clock.next_minute()
        await env.slack.action(message, "watch", user=LEE, value='{"project_id": "../x"}')
        await until_rows(env, 20)
        clock.next_minute()
        shown = await rules.standing(env, Who(LEE, THERE))  # a copy, where Lee has no grant
        await env.slack.action(shown, "more", selected="refresh", user=LEE)
        await until_rows(env, 21)
        clock.next_minute()
        assert "stop" in acts.words(await scene.menu(LEE))
        await until_rows(env, 22)
        clock.next_minute()
        env.slack.views.clear()
        await env.slack.command("", user=LEE)
        values = chosen("0psteam") | typed("name", "x")
        await env.slack.submit(await dialog(env), values, user=LEE)
        await until_rows(env, 23)
    assert_golden("audit/day", {"rows": normalized(rows(env))})


async def open_projects(env: Env) -> None:
    """Let Dana open projects in each way, and a workflow one: rows 1 to 5."""
    assert not await rules.command(env, Who())
    await until_rows(env, 1)
    await rules.standing(env, Who())
    await until_rows(env, 2)
    assert not await rules.submit(env, Who())
    await until_rows(env, 3)
    assert not await rules.near_name(env, Who())
    await until_rows(env, 4)
    assert not await rules.step(env, WORKFLOW)
    await until_rows(env, 5)


async def watch(env: Env, message: PostedMessage) -> None:
    """Let a watch begin and end, for one and for all, and use the list: rows 6 to 11."""
    await env.slack.action(message, "watch", user=DANA)
    await until_rows(env, 6)
    await env.slack.action(message, "watch", user=LEE)
    await until_rows(env, 7)
    await env.slack.action(message, "stop_watching", user=LEE)
    await until_rows(env, 8)
    await env.slack.submit(await question(env, message, DANA), {}, user=DANA)
    await until_rows(env, 9)
    listed = await look(env, user=DANA)  # private, so it is no act
    await env.slack.action(listed, "show_job", user=DANA)
    await until_rows(env, 10)
    await env.slack.action(listed, "watch_job", user=DANA)
    await until_rows(env, 11)


async def be_refused(env: Env, message: PostedMessage) -> None:
    """Let people and a workflow without rights try: rows 13 to 18."""
    for number, person in enumerate((LEE, GUEST, KIM, FOREIGN), 13):
        await env.slack.command("research not-allowed", user=person)
        await until_rows(env, number)
        await env.slack.command("research not-allowed", user=person)  # one row a minute
    await env.slack.action(message, "watch", user=PARTNER)  # of a connected company
    await until_rows(env, 17)
    await rules.step(env, "Wf0OTHER01")
    await until_rows(env, 18)


def ids(env: Env, name: str) -> tuple[str, str]:
    """Return the ids of a project and of its job."""
    (found,) = [each["id"] for each in env.baseten.projects() if each["name"] == name]
    return str(found), env.baseten.job_ids(str(found))[0]


async def test_a_line_of_the_log_has_the_fields_of_the_row(http: Env) -> None:
    with capture_logs() as lines:
        await http.slack.command("research sft")
        row = await until_rows(http, 1)
        await until(lambda: any("audit" in each for each in lines))
    (line,) = [each for each in lines if each.get("audit") is True]
    assert line == {"event": "audit", "audit": True, "log_level": "info"} | row


async def test_a_kill_between_the_act_and_its_row_loses_no_row(idle_env: Env) -> None:
    await enqueue(idle_env, order())
    async with audited(idle_env):
        row = await until_rows(idle_env, 1)
    assert (row["outcome"], row["task"], row["name"]) == ("created", "w1", "sft")
    # The row and the end of the task are one transaction, so a kill takes both back.
    await forget(idle_env, row)
    async with audited(idle_env):
        again = await until_rows(idle_env, 1)
    assert (again["project"], again["task"]) == (row["project"], "w1")
    assert (await get(idle_env)).ended


async def test_a_repeated_task_has_one_row_and_one_line(idle_env: Env) -> None:
    await enqueue(idle_env, order())
    async with audited(idle_env):
        before = await until_rows(idle_env, 1)
    reopen(idle_env)
    with capture_logs() as lines:
        async with audited(idle_env):
            await idle_env.bot.drain()
            assert await until_rows(idle_env, 1) == before
        assert (await get(idle_env)).ended
    assert not [line for line in lines if line.get("audit")]


async def forget(env: Env, row: dict[str, Any]) -> None:
    """Take the end of a task and its row back."""
    reopen(env, row["task"])
    with closing(sqlite3.connect(env.folder / "bot.db")) as database, database:
        deleted = database.execute("DELETE FROM training_bot_audit WHERE id = ?", (row["task"],))
        assert deleted.rowcount == 1


async def test_an_attempt_that_continues_after_the_act_writes_its_row(idle_env: Env) -> None:
    """Slack is away after the upsert, and the process ends: the next one does not open again."""
    idle_env.slack.faults.always("/api/chat.postMessage", Respond(503))
    async with audited(idle_env):
        await idle_env.slack.command("research sft")
        row = await until_rows(idle_env, 1)  # with the reschedule
    with closing(sqlite3.connect(idle_env.folder / "bot.db")) as database, database:
        database.execute("DELETE FROM training_bot_audit")
    upserts = len(idle_env.baseten.upserts)
    async with audited(idle_env):
        again = await until_rows(idle_env, 1)
    assert len(idle_env.baseten.upserts) == upserts
    assert normalized([again]) == normalized([row])


async def test_an_unknown_outcome_is_a_row(http: Env) -> None:
    http.baseten.faults.always(f"/v1/teams/{RESEARCH}/training_projects", Respond(500))
    await http.slack.command("research sft")
    row = await until_rows(http, 1)
    assert (row["outcome"], row["team"], row["name"], row["project"]) == (
        "perhaps created",
        "Research",
        "sft",
        "",
    )


async def test_a_failure_that_did_nothing_is_no_row(http: Env) -> None:
    http.baseten.faults.always(f"/v1/teams/{RESEARCH}/training_projects", Respond(400))
    await http.slack.command("research sft")
    await http.slack.command("nowhere sft")  # a typing error is no refusal
    await http.told(2)
    await http.slack.command("research other")
    await http.told(3)
    await http.bot.drain()
    assert rows(http) == []


async def test_refusals_of_one_minute_on_two_replicas_are_one_row(
    idle_env: Env, postgres_url: str
) -> None:
    clock, shared = Clock(), SecretStr(postgres_url)
    with capture_logs() as lines:
        async with (
            audited(idle_env, RULES, clock, database_url=shared) as one,
            audited(idle_env, RULES, clock, database_url=shared) as two,
        ):
            for number in range(4):
                for bot in (one, two):
                    idle_env.slack.bot_url = bot.url
                    await idle_env.slack.command(f"research x{number}", user=LEE)
            await idle_env.told(8)
            clock.next_minute()
            await idle_env.slack.command("research y", user=LEE)
            await idle_env.told(9)
            await asyncio.gather(one.drain(), two.drain())
    found = [line["name"] for line in lines if line.get("audit")]
    assert len(found) == 2
    assert (found[0][0], found[1]) == ("x", "y")


async def test_the_rows_are_deleted_after_90_days(idle_env: Env) -> None:
    async with audited(idle_env):
        await idle_env.slack.command("research old")
        await until_rows(idle_env, 1)
        await idle_env.slack.command("research young")
        await until_rows(idle_env, 2)
    with closing(sqlite3.connect(idle_env.folder / "bot.db")) as database, database:
        aged = "UPDATE training_bot_audit SET at = at - ? WHERE event LIKE ?"
        database.execute(aged, (90.1 * 86_400, '%"old"%'))
        database.execute(aged, (89.9 * 86_400, '%"young"%'))
        database.execute("UPDATE training_bot_tasks SET due_at = 0 WHERE id = 'cleanup'")
    async with audited(idle_env):
        async with asyncio.timeout(20):
            while len(rows(idle_env)) > 1:
                await asyncio.sleep(0.02)
    assert [row["name"] for row in rows(idle_env)] == ["young"]


async def test_hostile_names_are_redacted_and_escaped(idle_env: Env) -> None:
    secret = "xoxb-" + "1234567890-abcdefABCDEF"
    name = f"a\nb\u202ec\x1b[31m <!channel> <@{DANA}> {secret} " + "x" * 300
    project = idle_env.baseten.add_project(RESEARCH, name)
    idle_env.baseten.add_job(project["id"], name="epoch-1")
    async with audited(idle_env):
        listed = await look(idle_env, user=DANA)
        await idle_env.slack.action(listed, "show_job", user=DANA)
        row = await until_rows(idle_env, 1)
    assert row["name"].startswith(f"a\\nb\\u202ec\\x1b[31m <!channel> <@{DANA}> ")
    assert secret not in json.dumps(row)
    assert row["name"].isprintable()
    assert len(row["name"]) < 250


async def test_a_further_refusal_in_a_minute_does_not_reach_the_database(idle_env: Env) -> None:
    async with audited(idle_env, RULES):
        await idle_env.slack.command("research x", user=LEE)
        await until_rows(idle_env, 1)
        with closing(sqlite3.connect(idle_env.folder / "bot.db")) as database, database:
            database.execute("DELETE FROM training_bot_audit")
        await idle_env.slack.command("research y", user=LEE)
        await idle_env.told(2)
        await idle_env.slack.command("research z", user=KIM)
        assert (await until_rows(idle_env, 1))["actor"] == KIM
