"""Acts of several steps have one log line for their answer, too: follows, acts, approvals."""

from collections.abc import Mapping
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from bot.sandbox import Drop, Respond
from bot.views.follow import STOP_FOLLOWING
from tests.conftest import Env
from tests.scenarios.acts import acting, chosen, opened, scene, submit
from tests.scenarios.approvals import RULE, asked, closed, decide, heard, projects, told
from tests.scenarios.following import CHANNEL, DANA, OTHER, following
from tests.scenarios.rules import LEE, THERE, ruled
from tests.scenarios.test_log_lines import answers

POST = "/api/chat.postMessage"


def fields(line: Mapping[str, Any]) -> tuple[str, str, str | None]:
    """Return the entry point, the person and the message of a line, which has a task."""
    assert line["task"]
    return line["entry_point"], line["actor"], line["ts"]


async def test_a_follow_and_its_end_have_one_line_each() -> None:
    async with following() as it:
        with capture_logs([merge_contextvars]) as lines:
            first = await it.follow(channel=OTHER)
            await it.hears(f"in <#{OTHER}>")
            await it.slack.action(first, STOP_FOLLOWING)
            await it.no_follow()
            await it.hears("No longer following")
            await it.env.bot.drain()
            found = await answers(lines, 4)  # the list and its dialog come first
    assert [fields(line) for line in found[2:]] == [
        ("dialog", DANA, first.ts),
        ("button:stop_following", "U0SANDBOX1", None),
    ]
    assert found[2]["channel"] == OTHER


async def test_a_refused_follow_has_its_line() -> None:
    async with following() as it:
        it.slack.faults.next(POST, Respond(200, json={"ok": False, "error": "not_in_channel"}))
        with capture_logs([merge_contextvars]) as lines:
            await it.submit(await it.dialog())
            await it.hears("/invite")
            await it.env.bot.drain()
            found = await answers(lines, 3)
    assert fields(found[2]) == ("dialog", DANA, None)
    assert found[2]["channel"] == CHANNEL


@pytest.mark.parametrize("confirmed", [True, False])
async def test_an_act_has_one_line_for_its_report(idle_env: Env, *, confirmed: bool) -> None:
    async with acting(idle_env):
        it = await scene(idle_env)
        if not confirmed:
            idle_env.slack.faults.next(POST, Drop(after=True))
        with capture_logs([merge_contextvars]) as lines:
            await it.confirm("stop")
            await (it.replied() if confirmed else idle_env.hears("You stopped"))
            await idle_env.bot.drain()
            done = (await answers(lines, 3))[2]  # the menu and the question come first
    assert fields(done) == ("dialog", DANA, it.replies[0].ts if confirmed else None)


async def test_an_act_from_the_list_has_one_line_for_its_report(idle_env: Env) -> None:
    async with acting(idle_env):
        await scene(idle_env)
        await idle_env.slack.command("", command="/training-jobs", user=DANA)
        await idle_env.told()
        with capture_logs([merge_contextvars]) as lines:
            await idle_env.slack.action(idle_env.slack.ephemerals[0], "job_actions", user=DANA)
            await submit(idle_env, await chosen(idle_env, await opened(idle_env, 0), "stop"))
            await idle_env.hears("You stopped")
            await idle_env.bot.drain()
            done = (await answers(lines, 3))[2]
    assert fields(done) == ("dialog", DANA, None)


async def test_a_request_that_cannot_wait_has_one_line(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        idle_env.slack.add_channel(THERE, archived=True)
        with capture_logs([merge_contextvars]) as lines:
            await idle_env.slack.command("research sft", user=LEE)
            await told(idle_env, "Slack does not let me ask", LEE)
            await idle_env.bot.drain()
            (answer,) = await answers(lines)
    assert fields(answer) == ("command", LEE, None)


async def test_a_request_for_approval_and_the_decision_have_one_line_each(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        with capture_logs([merge_contextvars]) as lines:
            card = await asked(idle_env)
            (waits,) = await answers(lines)
            await decide(idle_env, card)
            await heard(idle_env, "approved *sft*")
            await closed(idle_env, card)
            await idle_env.bot.drain()
            found = await answers(lines, 3)
    assert fields(waits) == ("command", LEE, None)
    message = projects(idle_env)[0].ts
    shown = {line["entry_point"]: line["ts"] for line in found[1:]}
    assert shown == {"button:approve_project": card.ts, "command": message}
