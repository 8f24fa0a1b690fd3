"""The log has one line for an accepted request and one for its answer, with the same fields."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from bot import __version__
from bot.durable.room import Limits
from bot.listeners.workflow_step import STEP
from bot.sandbox import Delay
from bot.views.question import CANCEL, CREATE_ANYWAY
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.durable.postgres import postgres, postgres_programs, postgres_server, postgres_url
from tests.process import settings_of, started
from tests.scenarios.filled import dialog
from tests.scenarios.test_job_list import add, look

__all__ = ["postgres", "postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

Lines = Sequence[Mapping[str, Any]]
CHANNEL, USER = "C0SANDBOX1", "U0SANDBOX1"


async def answers(lines: Lines, count: int = 1) -> Lines:
    """Wait for so many lines about answers, and return them."""
    async with asyncio.timeout(20):
        while len(found := [x for x in lines if x["event"] == "answer posted"]) < count:
            await asyncio.sleep(0.01)
    assert len(found) == count
    return found


async def test_a_command_has_two_lines_with_the_same_fields(env: Env) -> None:
    with capture_logs([merge_contextvars]) as lines:
        await env.slack.command("research sft")
        (answer,) = await answers(lines)
    (request,) = [line for line in lines if line["event"] == "request"]
    for name, value in {"actor": USER, "channel": CHANNEL, "entry_point": "command"}.items():
        assert request[name] == answer[name] == value
    assert request["task"] == answer["task"]
    assert request["task"].startswith("command:")
    assert (answer["ts"], answer["log_level"]) == (env.slack.messages[0].ts, "info")
    assert 0 < answer["seconds"] < 10


async def test_a_task_that_waited_for_its_turn_keeps_the_fields(idle_env: Env, url: str) -> None:
    idle_env.baseten.faults.always(r"/v1/teams/[^/]+/training_projects", Delay(0.3))
    async with idle_env.running(
        Tuning(limits=Limits(slots=1)), database_url=SecretStr(url), ask_near_names=False
    ):
        with capture_logs([merge_contextvars]) as lines:
            for person in ("U0DANA0001", "U0DANA0002", "U0DANA0003"):
                await idle_env.slack.command(f"research {person}", user=person)
            found = await answers(lines, 3)
    requests = {line["task"]: line["actor"] for line in lines if line["event"] == "request"}
    assert {line["task"]: line["actor"] for line in found} == requests
    assert {line["entry_point"] for line in found} == {"command"}


async def test_a_task_of_a_dead_process_keeps_the_fields(idle_env: Env, tmp_path: Path) -> None:
    idle_env.baseten.faults.next(r"/v1/teams/[^/]+/training_projects", Delay(30))
    settings = settings_of(idle_env)
    async with started(cwd=tmp_path, settings=settings) as bot:
        idle_env.slack.bot_url = await bot.ready()
        await idle_env.slack.command("research sft")
        await idle_env.baseten.until(lambda: len(idle_env.baseten.requests) > 2)
        bot.process.kill()
        await bot.ended()
    async with started(cwd=tmp_path, settings=settings) as bot:
        await bot.until(lambda said: "answer posted" in said)
        await bot.stopped()
    lines = [json.loads(line) for line in bot.said.splitlines()]
    assert (lines[0]["event"], lines[0]["version"]) == ("starting", __version__)
    (answer,) = [line for line in lines if line["event"] == "answer posted"]
    assert (answer["actor"], answer["entry_point"]) == (USER, "command")
    assert answer["channel"] == CHANNEL
    assert answer["ts"] == idle_env.slack.messages[0].ts


async def press(env: Env, button: str) -> None:
    project = env.baseten.add_project(RESEARCH, "sft")
    env.baseten.add_job(project["id"], status="TRAINING_JOB_RUNNING")
    await env.slack.command("research sft")
    await env.answered()
    await env.slack.action(env.slack.messages[0], button)


async def refresh(env: Env) -> None:
    await env.slack.command("research sft")
    await env.answered()
    await env.slack.action(env.slack.messages[0], "more", selected="refresh")


async def jobs(env: Env) -> None:
    await press(env, "jobs")


async def watch(env: Env) -> None:
    await press(env, "watch")


async def step(env: Env) -> None:
    await env.slack.function_executed(STEP, {"team": "research", "name": "sft"})


async def step_in_channel(env: Env) -> None:
    inputs = {"team": "research", "name": "sft", "channel": CHANNEL}
    await env.slack.function_executed(STEP, inputs)


async def failed_step(env: Env) -> None:
    await env.slack.function_executed(STEP, {"team": "atlantis", "name": "sft"})


async def question(env: Env) -> None:
    env.baseten.add_project(RESEARCH, "llama-finetune")
    await env.slack.command("research llama-finetunes")


async def confirmed(env: Env) -> None:
    await question(env)
    await env.told()
    await env.slack.action(env.slack.ephemerals[0], CREATE_ANYWAY)


async def canceled(env: Env) -> None:
    await question(env)
    await env.told()
    await env.slack.action(env.slack.ephemerals[0], CANCEL)


async def job_list(env: Env) -> None:
    add(env, "sft")
    await look(env)


async def shown_job(env: Env) -> None:
    add(env, "sft")
    await env.slack.action(await look(env), "show_job")


async def watched_job(env: Env) -> None:
    add(env, "sft")
    await env.slack.action(await look(env), "watch_job")


async def ended_job(env: Env) -> None:
    job = add(env, "sft")
    listed = await look(env)
    env.baseten.set_job(job["id"], status="TRAINING_JOB_COMPLETED")
    await env.slack.action(listed, "watch_job")


async def gone_project(env: Env) -> None:
    job = add(env, "sft")
    listed = await look(env)
    env.baseten.delete_project(job["training_project_id"])
    await env.slack.action(listed, "show_job")


async def shown_command(env: Env) -> None:
    await env.slack.command("research sft")
    await env.answered()
    await env.slack.action(env.slack.messages[0], "more", selected="command")
    await dialog(env)


async def home(env: Env) -> None:
    await env.slack.event({"type": "app_home_opened", "tab": "home", "user": USER})


async def opened_dialog(env: Env) -> None:
    await env.slack.command("")
    await dialog(env)


async def unknown_team(env: Env) -> None:
    await env.slack.command("atlantis sft")


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (refresh, ["command", "button:more"]),
        (jobs, ["command", "button:jobs"]),
        (watch, ["command", "button:watch"]),
        (step, ["workflow step"]),
        (step_in_channel, ["workflow step"]),
        (failed_step, ["workflow step"]),
        (question, ["command"]),
        (confirmed, ["command", "button:create_anyway"]),
        (canceled, ["command", "button:cancel"]),
        (job_list, ["command"]),
        (shown_job, ["command", "button:show_job"]),
        (watched_job, ["command", "button:watch_job"]),
        (ended_job, ["command", "button:watch_job"]),
        (gone_project, ["command", "button:show_job"]),
        (shown_command, ["command", "button:more"]),
        (home, ["home"]),
        (opened_dialog, ["command"]),
        (unknown_team, ["command"]),
    ],
)
async def test_each_entry_point_has_one_line_for_its_answer(
    http: Env, act: Callable[[Env], Awaitable[None]], expected: list[str]
) -> None:
    with capture_logs([merge_contextvars]) as lines:
        await act(http)
        await answers(lines, len(expected))
        await http.bot.drain()  # what is under way could log another one
        found = await answers(lines, len(expected))
    assert [line["entry_point"] for line in found] == expected
    assert all(line["actor"] for line in found)


async def test_a_refusal_has_its_workspace(http: Env) -> None:
    http.slack.add_outsider("U0FOREIGN1", here=False)
    with capture_logs([merge_contextvars]) as lines:
        await http.slack.command("research sft", user="U0FOREIGN1")
        await http.slack.command("research sft")
        await answers(lines)
    refused, taken = [line for line in lines if line["event"] == "request"]
    assert (refused["outcome"], refused["actor"]) == ("refused", "U0FOREIGN1")
    assert refused["workspace"].startswith("T0")
    assert refused["workspace"] != "T0SANDBOX"
    assert taken["workspace"] == "T0SANDBOX1"
