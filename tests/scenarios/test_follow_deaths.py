"""Fifty follows whose jobs end at once, two replicas, and a kill in the middle of the posts."""

from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from bot.sandbox import Delay
from bot.views.follow_dialog import LEVEL, PLACE, TARGET
from tests.conftest import RESEARCH, Env
from tests.durable.postgres import postgres_programs, postgres_server, postgres_url
from tests.process import Process, settings_of, started
from tests.scenarios.crowd import POST, may_read
from tests.scenarios.following import DANA

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

CHANNELS = [f"C0FOLLOW{number:02}" for number in range(10)]
PROJECTS = 5
Record = Callable[[str, object], None]


async def follow(env: Env, project_id: str, channel: str, level: str) -> None:
    """Follow a project in a channel, by the dialog that the list of jobs opens."""
    views = len(env.slack.views)
    await env.slack.action(env.slack.ephemerals[0], "follow", user=DANA)
    await env.slack.until(
        lambda: len(env.slack.views) > views and env.slack.views[-1].updates > 0, 20
    )
    chosen = {
        TARGET: {"type": "external_select", "selected_option": {"value": f"project:{project_id}"}},
        LEVEL: {"type": "radio_buttons", "selected_option": {"value": level}},
        PLACE: {"type": "conversations_select", "selected_conversation": channel},
    }
    values = {key: {key: state} for key, state in chosen.items()}
    await env.slack.submit(env.slack.views[-1], values, user=DANA)


@pytest.mark.slow
@pytest.mark.timeout(560)
@pytest.mark.parametrize("level", ["ends", "starts and ends"])
async def test_each_follow_posts_each_job_and_its_end_once(
    idle_env: Env, postgres_url: str, tmp_path: Path, record_property: Record, level: str
) -> None:
    env = idle_env
    may_read(env)
    for channel in CHANNELS:
        env.slack.add_channel(channel)
    env.slack.faults.always(POST, Delay(0.05))
    projects = [
        str(env.baseten.add_project(RESEARCH, f"project-{number}")["id"])
        for number in range(PROJECTS)
    ]
    settings = settings_of(env) | {"DATABASE_URL": postgres_url}
    async with AsyncExitStack() as stack:

        async def start() -> Process:
            return await stack.enter_async_context(
                started(cwd=tmp_path, settings=settings, module="tests.scenarios.quick_bot")
            )

        bots = [await start(), await start()]
        for bot in bots:
            env.slack.bot_url = await bot.ready()
        await env.slack.command("research", command="/training-jobs", user=DANA)
        await env.slack.until(lambda: bool(env.slack.ephemerals))
        for project in projects:
            for channel in CHANNELS:
                await follow(env, project, channel, level)
        follows = len(projects) * len(CHANNELS)
        # The first message comes before the follow is saved, and this note after it.
        await env.slack.until(lambda: len(env.slack.ephemerals) > follows, 130)
        jobs = [env.baseten.add_job(project)["id"] for project in projects]
        if level != "ends":
            await env.slack.until(lambda: len(env.slack.messages) == 2 * follows, 130)
        before = len(env.slack.messages)
        for job in jobs:
            ended = env.baseten.now() + timedelta(seconds=1) - timedelta(seconds=17)
            env.baseten.set_job(job, status="TRAINING_JOB_FAILED", updated_at=ended)
        await env.slack.until(lambda: len(env.slack.messages) >= before + 8, 130)
        dying = bots[0] if env.slack.bot_url != bots[0].url else bots[1]
        dying.process.kill()
        await dying.process.wait()
        await env.slack.until(lambda: len(env.slack.messages) >= 3 * follows, 130)
        await bots[1].stopped()
    firsts = Counter(
        (m.channel, m.text.split(" in ")[1].split(" ")[0])
        for m in env.slack.messages
        if not m.thread_ts and "Project `" in m.text
    )
    threads = Counter((m.channel, m.thread_ts) for m in env.slack.messages if m.thread_ts)
    record_property("figure", f"{follows} follows: {len(firsts)} messages, {len(threads)} ends")
    assert len(firsts) == len(threads) == follows
    assert set(firsts.values()) == set(threads.values()) == {1}
