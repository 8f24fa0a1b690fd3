"""``ACCESS_FILE`` at the list of jobs, the menu, the questions, and in watches that go on."""

import re
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from bot.handlers.watch import WATCH_MESSAGE
from bot.sandbox.faults import Respond
from bot.sandbox.slack.records import Ephemeral
from tests.conftest import RESEARCH, Env
from tests.scenarios.acts import STOP, scene, submit, words
from tests.scenarios.rules import (
    DANA,
    GROUP,
    HERE,
    LEE,
    THERE,
    Who,
    change,
    granted,
    ruled,
    shows,
    standing,
    watch,
)
from tests.scenarios.tasks import until_ended
from tests.scenarios.test_overflow import question

FOR_DANA = granted(DANA)
BOUND = granted(DANA, more=f'in = ["{HERE}"]')
REFUSED = "no project here that you can use"
DIRECT = f"D{DANA[1:]}"


async def listed(env: Env, who: Who) -> Ephemeral:
    """Look at the list of jobs."""
    before = len(env.slack.ephemerals)
    await env.slack.command("", command="/training-jobs", user=who.user, channel=who.channel)
    await env.told(before + 1)
    return env.slack.ephemerals[-1]


def directly(env: Env, user: str = DANA) -> list[str]:
    """The direct messages to a person."""
    return [each.text for each in env.slack.messages if each.channel == f"D{user[1:]}"]


async def test_the_list_has_the_jobs_that_the_person_can_view_in_this_channel(
    idle_env: Env,
) -> None:
    async with ruled(idle_env, BOUND):
        await standing(idle_env, Who())
        for who, seen in ((Who(LEE), False), (Who(channel=THERE), False), (Who(), True)):
            assert ("sft" in str((await listed(idle_env, who)).blocks)) == seen


@pytest.mark.parametrize("typed", ["", "research", "sft"])
async def test_a_list_without_jobs_says_that_the_members_of_a_group_are_unknown(
    idle_env: Env, typed: str
) -> None:
    idle_env.baseten.add_job(idle_env.baseten.add_project(RESEARCH, "sft")["id"])
    idle_env.slack.faults.always("/api/usergroups.users.list", Respond(200, {"ok": False}))
    async with ruled(idle_env, granted(GROUP)):
        await idle_env.slack.command(typed, command="/training-jobs", user=DANA)
        assert "Slack doesn't tell me right now who is in a group" in await idle_env.told()


async def test_a_job_is_stopped_by_those_who_are_granted_it_until_they_are_not(
    idle_env: Env,
) -> None:
    async with ruled(idle_env, FOR_DANA + granted(GROUP, "stop")) as bot:
        it = await scene(idle_env, "RUNNING")
        await change(idle_env, bot, FOR_DANA + granted(LEE) + granted(GROUP, "stop"))
        assert "You need the right *stop* in *Research*" in words(await it.menu(LEE))
        view, late = await it.ask("stop"), await it.ask("stop")
        await submit(idle_env, view)
        assert f"<@{DANA}>" in await it.replied()
        assert it.calls(STOP) == 1
        await change(idle_env, bot, FOR_DANA)
        await submit(idle_env, late)
        assert "You need the right *stop* in *Research*" in await idle_env.told()
        assert it.calls(STOP) == 1


async def test_show_here_needs_the_right_in_the_channel_of_the_list(idle_env: Env) -> None:
    async with ruled(idle_env, BOUND):
        await standing(idle_env, Who())
        shown = await listed(idle_env, Who())
        elsewhere = copy(shown)  # a copied button: a click in a channel where the list is not
        elsewhere.channel = THERE
        told = len(idle_env.slack.ephemerals)
        await idle_env.slack.action(elsewhere, "show_job", user=DANA)
        assert REFUSED in await idle_env.told(told + 1)
        assert not shows(idle_env, "sft", THERE)
        await idle_env.slack.action(shown, "show_job", user=DANA)
        await idle_env.slack.until(lambda: len(shows(idle_env, "sft", HERE)) == 2)


@pytest.mark.parametrize(("rules", "passes"), [(BOUND, False), (FOR_DANA, True)])
async def test_a_watch_in_direct_messages_needs_a_right_that_holds_there(
    idle_env: Env, rules: str, *, passes: bool
) -> None:
    async with ruled(idle_env, rules):
        await standing(idle_env, Who())
        shown = await listed(idle_env, Who())
        told = len(idle_env.slack.ephemerals)
        await idle_env.slack.action(shown, "watch_job", user=DANA)
        words = await idle_env.told(told + 1)
        await until_ended(idle_env)
    assert (REFUSED in words) != passes
    assert bool(shows(idle_env, "sft", DIRECT)) == passes


@pytest.mark.parametrize("option", ["command", "stop for everyone"])
async def test_a_menu_opens_its_dialog_for_those_who_can_view(idle_env: Env, option: str) -> None:
    async with ruled(idle_env, FOR_DANA):
        assert not await watch(idle_env, Who())
        await until_ended(idle_env, WATCH_MESSAGE)
        message = await standing(idle_env, Who())
        for user, seen in ((LEE, False), (DANA, True)):
            before = len(idle_env.slack.views)
            await idle_env.slack.action(message, "more", selected=option, user=user)
            await idle_env.slack.until(partial(is_open, idle_env, before))
            assert ("sft" in str(idle_env.slack.views[-1].blocks)) == seen
            assert (REFUSED in str(idle_env.slack.views[-1].blocks)) != seen


def is_open(env: Env, before: int) -> bool:
    return len(env.slack.views) > before and env.slack.views[-1].updates > 0


async def test_a_question_about_the_team_offers_the_usable_ones_and_judges_the_click(
    idle_env: Env,
) -> None:
    async with ruled(idle_env, FOR_DANA, contact="U0BOSS0001"):
        await idle_env.slack.command("reserch by-question", user=LEE)
        assert f"they need {LEE} and *reserch*" in await idle_env.told()
        assert "use_team" not in str(idle_env.slack.ephemerals[-1].blocks)
        await idle_env.slack.command("reserch by-question", user=DANA)
        assert f"they need {DANA} and *reserch*" in await idle_env.told(2)
        asked = idle_env.slack.ephemerals[-1]
        copied = copy(asked)
        copied.ts = "1700000000.000001"  # the first click on a question counts
        await idle_env.slack.action(copied, "use_team_1", user=LEE)
        assert "that you can use here" in await idle_env.told(3)
        assert idle_env.baseten.upserts == []
        await idle_env.slack.action(asked, "use_team_1", user=DANA)
        await idle_env.slack.until(lambda: bool(shows(idle_env, "by-question")))


def replies(env: Env) -> list[Any]:
    return [each for each in env.slack.messages if each.thread_ts]


def fail_job(env: Env) -> None:
    found = re.search(r"Project `(\w+)`", shows(env, "sft")[0].text)
    assert found is not None
    job = env.baseten.project(found[1])["latest_job"]
    long_ago = datetime.now(UTC) - timedelta(minutes=1)  # so the last log lines have arrived
    env.baseten.set_job(job["id"], status="TRAINING_JOB_FAILED", updated_at=long_ago)


async def test_a_watch_ends_with_a_direct_message_when_nobody_has_the_right(
    idle_env: Env,
) -> None:
    async with ruled(idle_env, FOR_DANA) as bot:
        assert not await watch(idle_env, Who())
        await until_ended(idle_env, WATCH_MESSAGE)
        message = await standing(idle_env, Who())
        edits = message.edits
        await change(idle_env, bot, granted(LEE))
        fail_job(idle_env)
        await idle_env.slack.until(lambda: bool(directly(idle_env)))
        (said,) = directly(idle_env)
    assert "you no longer have the right to see it there" in said
    assert (replies(idle_env), message.edits) == ([], edits)


async def test_a_watch_goes_on_for_those_who_kept_the_right(idle_env: Env) -> None:
    async with ruled(idle_env, FOR_DANA + granted(LEE)) as bot:
        assert not await watch(idle_env, Who())
        await until_ended(idle_env)
        assert not await watch(idle_env, Who(LEE))
        await until_ended(idle_env, WATCH_MESSAGE)
        await change(idle_env, bot, granted(LEE))
        fail_job(idle_env)
        await idle_env.slack.until(lambda: bool(replies(idle_env) and directly(idle_env)))
        (reply,) = replies(idle_env)
    assert f"<@{LEE}>" in reply.text
    assert DANA not in reply.text
    assert directly(idle_env, LEE) == []


@pytest.mark.parametrize("everyone", [False, True])
async def test_a_refused_stop_says_that_the_watch_goes_on(idle_env: Env, *, everyone: bool) -> None:
    async with ruled(idle_env, "# none") as bot:
        assert not await watch(idle_env, Who())
        await until_ended(idle_env, WATCH_MESSAGE)
        message = await standing(idle_env, Who())
        asked = await question(idle_env, message, DANA)
        idle_env.slack.add_guest(DANA)
        await change(idle_env, bot, 'guests = "deny"')
        if everyone:
            await idle_env.slack.submit(asked, {}, user=DANA)
        else:
            await idle_env.slack.action(message, "stop_watching", user=DANA)
        said = await idle_env.told()
    assert said.startswith("⚠️ I don't work for guests of this workspace. Nothing was changed.")
    assert "stop_watching" in str(message.blocks)
