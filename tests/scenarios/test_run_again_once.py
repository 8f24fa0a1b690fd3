"""*Run again* starts one job, never two: faults, kills, two clicks and two people."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from bot.baseten.models import TrainingJob, TrainingProject
from bot.durable.database import open_store
from bot.durable.model import Enqueue
from bot.handlers.act_task import ACT_ON_JOB, ActTask
from bot.projects.job_acts import Act
from bot.sandbox import Drop, Hang, Late, Respond
from bot.sandbox.faults import Fault, Garble
from bot.sandbox.refusals import (
    bad_gateway_html_502,
    firewall_202,
    internal_500,
    permission_denied_403,
    rate_limited_429,
)
from bot.slack.message import ReplyTarget
from tests.conftest import Env
from tests.scenarios.acts import (
    DANA,
    JOB,
    QUICK,
    RECREATE,
    SAM,
    acting,
    scene,
    submit,
)

JOBS = "/v1/training_projects/[^/]+/jobs"
LOOKING = "Baseten didn't confirm that *epoch-1* runs again. I'm looking for the new job"
DOUBT = "A new job like *epoch-1* in *sft* may or may not have been started"
RAN = f"🔁 <@{DANA}> ran *epoch-1* again in *sft*: the new job "


def unconfirmed(*, done: bool) -> list[Fault]:
    """Answers after which the bot cannot know whether the job was started."""
    return [
        Hang(after=done),
        Drop(after=done),
        replace(internal_500(), after=done),
        replace(bad_gateway_html_502(), after=done),
        replace(firewall_202(), after=done),
        Respond(504, body=b"", after=done),
        Respond(200, json={"training_job": None}, after=done),
    ]


async def until_over(env: Env) -> None:
    """Wait until no act is open."""
    query = "SELECT count(*) FROM training_bot_tasks WHERE kind = 'act/1' AND ended_at IS NULL"
    async with asyncio.timeout(20):
        with closing(sqlite3.connect(env.folder / "bot.db")) as database:
            while database.execute(query).fetchone() != (0,):
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("fault", unconfirmed(done=True), ids=str)
async def test_a_job_that_was_started_without_an_answer_is_found(
    idle_env: Env, fault: Fault
) -> None:
    async with acting(idle_env):
        it = await scene(idle_env, "FAILED")
        idle_env.baseten.faults.next(RECREATE, fault)
        await it.confirm("run again")
        assert (await it.replied()).startswith(RAN)
        await until_over(idle_env)
        assert (it.calls(RECREATE), it.jobs(), len(it.replies)) == (1, 1, 1)
        assert LOOKING in await idle_env.told()


@pytest.mark.parametrize("fault", [*unconfirmed(done=False), Garble()], ids=str)
async def test_a_job_that_is_not_found_is_left_in_doubt(idle_env: Env, fault: Fault) -> None:
    async with acting(idle_env):
        it = await scene(idle_env, "FAILED")
        idle_env.baseten.faults.always(RECREATE, fault)
        await it.confirm("run again")
        assert DOUBT in await idle_env.told(2)
        await until_over(idle_env)
        assert (it.calls(RECREATE), it.jobs(), it.replies) == (1, 0, [])


async def test_a_job_that_starts_late_is_found_at_the_second_look(idle_env: Env) -> None:
    landing = asyncio.Event()
    async with acting(idle_env):
        it = await scene(idle_env, "FAILED")
        view = await it.ask("run again")
        idle_env.baseten.faults.next(RECREATE, Late(internal_500(), landing))
        await submit(idle_env, view)
        await idle_env.baseten.until(lambda: it.calls(RECREATE) == 1)
        listed = it.calls(JOBS, "GET")
        await idle_env.baseten.until(lambda: it.calls(JOBS, "GET") > listed)
        landing.set()
        assert (await it.replied()).startswith(RAN)
        assert (it.calls(RECREATE), it.jobs()) == (1, 1)


async def test_another_person_s_job_is_not_taken_for_the_new_one(idle_env: Env) -> None:
    async with acting(idle_env):
        it = await scene(idle_env, "FAILED")
        view = await it.ask("run again")
        idle_env.baseten.faults.next(RECREATE, internal_500())
        await submit(idle_env, view)
        await idle_env.baseten.until(lambda: it.calls(RECREATE) == 1)
        idle_env.baseten.add_job(it.project_id, name="other", node_count=4)
        assert DOUBT in await idle_env.told(2)


@pytest.mark.parametrize("refusal", [Respond(503, json={}), rate_limited_429(1)], ids=str)
async def test_a_call_that_was_not_taken_is_made_again(idle_env: Env, refusal: Respond) -> None:
    async with acting(idle_env):
        it = await scene(idle_env, "FAILED")
        idle_env.baseten.faults.next(RECREATE, refusal)
        await it.confirm("run again")
        assert (await it.replied()).startswith(RAN)
        await until_over(idle_env)
        assert (it.calls(RECREATE), it.jobs(), idle_env.slack.ephemerals) == (2, 1, [])


async def test_a_long_wait_is_left_to_the_person(idle_env: Env) -> None:
    async with acting(idle_env):
        it = await scene(idle_env, "FAILED")
        idle_env.baseten.faults.next(RECREATE, rate_limited_429(90))
        await it.confirm("run again")
        told = await idle_env.told()
        assert "rate-limiting the bot. Nothing was started." in told
        assert "Try again in 1 minute 30 seconds" in told
        await until_over(idle_env)
        await it.confirm("run again", SAM)  # the first act is over
        await it.replied()
        assert it.jobs() == 1


async def test_a_refusal_is_final(idle_env: Env) -> None:
    async with acting(idle_env):
        it = await scene(idle_env, "FAILED")
        idle_env.baseten.faults.next(RECREATE, permission_denied_403())
        await it.confirm("run again")
        told = await idle_env.told()
        assert "The bot's API key isn't allowed to do this. Nothing was started." in told
        await until_over(idle_env)
        assert (it.calls(RECREATE), it.jobs()) == (1, 0)


@pytest.mark.parametrize("done", [True, False], ids=["started", "not started"])
async def test_a_kill_between_the_checkpoint_and_the_answer_repeats_nothing(
    idle_env: Env, *, done: bool
) -> None:
    files = [f"{idle_env.folder}/{name}" for name in ("bot.db", "killed.db")]
    async with acting(idle_env, shutdown_seconds=1, baseten_timeout=5):
        it = await scene(idle_env, "FAILED")
        idle_env.baseten.faults.next(RECREATE, Hang(after=done))
        await it.confirm("run again")
        await idle_env.baseten.until(lambda: it.calls(RECREATE) == 1 and it.jobs() == done)
        with closing(sqlite3.connect(files[0])) as dead, closing(sqlite3.connect(files[1])) as copy:
            dead.backup(copy)
    async with acting(idle_env, database_url=f"sqlite:///{files[1]}"):
        if done:
            assert (await it.replied()).startswith(RAN)
        else:
            await idle_env.hears(DOUBT)
        await idle_env.bot.drain()
    assert (it.calls(RECREATE), it.jobs(), len(it.replies)) == (1, done, done)


async def test_a_kill_after_the_reply_posts_it_once_more_at_most_with_the_same_id(
    idle_env: Env,
) -> None:
    files = [f"{idle_env.folder}/{name}" for name in ("bot.db", "killed.db")]
    async with acting(idle_env, shutdown_seconds=1):
        it = await scene(idle_env, "FAILED")
        idle_env.slack.faults.next("/api/chat.postMessage", Hang(after=True))
        await it.confirm("run again")
        await it.replied()
        with closing(sqlite3.connect(files[0])) as dead, closing(sqlite3.connect(files[1])) as copy:
            dead.backup(copy)
    async with acting(idle_env, database_url=f"sqlite:///{files[1]}"):
        await idle_env.slack.until(lambda: it.message.edits > 0)
    posts = [r.json() for r in idle_env.slack.requests if r.path == "/api/chat.postMessage"][1:]
    assert len({post["client_msg_id"] for post in posts}) == 1
    assert (it.calls(RECREATE), it.jobs()) == (1, 1)


async def test_a_dialog_that_is_submitted_several_times_starts_one_job(idle_env: Env) -> None:
    async with acting(idle_env):
        it = await scene(idle_env, "FAILED")
        view = await it.ask("run again")
        sent = [idle_env.slack.submit(view, {}, user=DANA) for _ in range(5)]
        await asyncio.gather(*sent)
        await it.replied()
        await until_over(idle_env)
        assert (it.calls(RECREATE), it.jobs(), len(it.replies)) == (1, 1, 1)
        assert idle_env.slack.ephemerals == []


async def test_of_two_people_at_once_one_starts_a_job(idle_env: Env) -> None:
    async with acting(idle_env):
        it = await scene(idle_env, "FAILED")
        views = [await it.ask("run again", user) for user in (DANA, SAM)]
        await asyncio.gather(
            *(submit(idle_env, view, user) for view, user in zip(views, (DANA, SAM), strict=True))
        )
        await it.replied()
        told = await idle_env.told()
        assert (
            "is running it again right now, so I did nothing." in told or "in the meantime" in told
        )
        await until_over(idle_env)
        assert (it.calls(RECREATE), it.jobs(), len(it.replies)) == (1, 1, 1)


async def test_while_one_waits_for_its_answer_the_other_is_told_who_acts(idle_env: Env) -> None:
    async with acting(idle_env, baseten_timeout=5):
        it = await scene(idle_env, "FAILED")
        views = [await it.ask("run again", user) for user in (DANA, SAM)]
        idle_env.baseten.faults.next(RECREATE, Late(Hang(), 0.5))
        await submit(idle_env, views[0], DANA)
        await idle_env.baseten.until(lambda: it.calls(RECREATE) == 1)
        await submit(idle_env, views[1], SAM)
        told = await idle_env.told()
        assert told.startswith(f"<@{DANA}> is running it again right now, so I did nothing.")
        assert idle_env.slack.ephemerals[0].user == SAM
        assert it.calls(RECREATE) == 1


async def test_a_person_who_has_not_seen_the_newer_job_is_told_of_it(idle_env: Env) -> None:
    async with acting(idle_env):
        it = await scene(idle_env, "FAILED")
        view = await it.ask("run again")
        idle_env.baseten.add_job(it.project_id, name="epoch-2")
        await submit(idle_env, view)
        told = await idle_env.told()
        assert "*epoch-2* in *sft* has started in the meantime: it is running." in told
        assert it.calls(RECREATE) == 0
        await until_over(idle_env)
        await it.confirm("run again")
        await it.replied()
        assert it.calls(RECREATE) == 1


async def test_a_shutdown_before_the_call_leaves_it_to_the_next_process(idle_env: Env) -> None:
    async with acting(idle_env, QUICK, shutdown_seconds=1):
        it = await scene(idle_env, "FAILED")
        view = await it.ask("run again")
        landing = asyncio.Event()
        idle_env.baseten.faults.next(JOB, Late(Hang(), landing), method="GET")
        await submit(idle_env, view)
    async with acting(idle_env):
        assert (await it.replied()).startswith(RAN)
    assert (it.calls(RECREATE), it.jobs()) == (1, 1)


async def test_a_request_that_waited_for_too_long_is_dropped(idle_env: Env) -> None:
    async with acting(idle_env, shutdown_seconds=1):
        it = await scene(idle_env, "FAILED")
        view = await it.ask("run again")
        idle_env.baseten.faults.next(JOB, Hang(), method="GET")
        await submit(idle_env, view)
    age = "UPDATE training_bot_tasks SET created_at = created_at - 3600 WHERE kind = 'act/1'"
    with closing(sqlite3.connect(idle_env.folder / "bot.db")) as database, database:
        assert database.execute(age).rowcount == 1
    async with acting(idle_env):
        await idle_env.hears("Nothing was started.")
    assert it.calls(RECREATE) == 0


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun"])
@pytest.mark.parametrize("act", [Act.RUN_AGAIN, Act.STOP])
async def test_an_attempt_that_did_not_begin_the_call_has_no_effect_to_find(
    idle_env: Env, act: Act, *, begun: bool
) -> None:
    async with acting(idle_env):
        it = await scene(idle_env, "STOPPED")
    task = ActTask(
        step="call",
        place=ReplyTarget(DANA, it.message.channel),
        act=act,
        project_id=it.project_id,
        job_id=it.job_id,
        project=TrainingProject.model_validate(idle_env.baseten.project(it.project_id)),
        job=TrainingJob.model_validate(idle_env.baseten.job(it.job_id)),
        known=(it.job_id,),
    )
    async with open_store(idle_env.url) as store:
        owner = store.owner if begun else ""
        await store.write(Enqueue("act/1:V1", ACT_ON_JOB, task.state(), "commands", owner=owner))
    expected = {
        (Act.RUN_AGAIN, True): DOUBT,
        (Act.RUN_AGAIN, False): "🔁 You ran *epoch-1* again in *sft*",
        (Act.STOP, True): "⏹️ You stopped *epoch-1* in *sft*.",
        (Act.STOP, False): "so there's nothing to stop. Nothing was changed.",
    }
    async with acting(idle_env):
        await idle_env.hears(expected[act, begun])
    assert it.calls(RECREATE) == (act is Act.RUN_AGAIN and not begun)
