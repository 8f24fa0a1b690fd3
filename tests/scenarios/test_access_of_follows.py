"""``ACCESS_FILE`` at the start of a follow, at each of its posts, and at its end."""

import asyncio
from copy import copy
from datetime import timedelta
from hashlib import sha256

import pytest

from bot.follows.model import JOB_POST
from bot.sandbox import Respond
from bot.sandbox.slack.records import View
from bot.watches.model import DELIVER
from bot.watches.store import WATCHES
from tests.documents import documents_of
from tests.scenarios.following import CHANNEL, DANA, OTHER, Followed, following
from tests.scenarios.rules import GROUP, LEE, change, granted

FOR_DANA = granted(DANA)
BOUND = granted(DANA, more=f'in = ["{CHANNEL}"]')
SOME_SECONDS = 20
MEMBERS = "/api/usergroups.users.list"
LEVELS = ["ends", "starts and ends"]


async def refused(it: Followed, view: View, channel: str, user: str = DANA) -> str:
    """Submit the dialog; return the words that the person gets."""
    told = len(it.slack.ephemerals)
    await it.submit(view, user, channel=channel)
    await it.slack.until(lambda: len(it.slack.ephemerals) > told)
    assert await it.stored() == {}
    assert not [m for m in it.slack.messages if "Following" in m.text]
    return it.slack.ephemerals[-1].text


@pytest.mark.parametrize("channel", [OTHER, ""], ids=["another channel", "direct messages"])
async def test_a_follow_needs_the_right_in_the_channel_that_it_posts_in(channel: str) -> None:
    async with following(rules=BOUND) as it:
        words = await refused(it, await it.dialog(), channel)
        assert "no project here that you can use" in words
        assert (await it.follow(channel=CHANNEL)).channel == CHANNEL


async def test_a_dialog_offers_what_the_person_can_view_in_some_channel() -> None:
    async with following(rules=BOUND) as it:
        view = await it.dialog()
        for user, count in ((DANA, 2), (LEE, 0)):
            offered = await it.slack.options(view, "follow_target", "", user=user)
            assert len(offered.body["options"]) == count
        assert "no project here" in await refused(it, view, CHANNEL, LEE)


@pytest.mark.parametrize("rules", [f'channels = ["{CHANNEL}"]', 'shared_channels = "deny"'])
async def test_a_follow_posts_in_no_channel_that_the_bot_does_not_serve(rules: str) -> None:
    async with following(rules=rules) as it:
        it.slack.add_channel(OTHER, shared=True)
        assert "channel" in await refused(it, await it.dialog(), OTHER)


@pytest.mark.parametrize("level", LEVELS)
async def test_a_follow_ends_when_a_sighup_takes_the_right_away(level: str) -> None:
    async with following(rules=FOR_DANA) as it:
        first = await it.follow(level=level)
        job = it.start("RUNNING")
        await it.look()
        if level != "ends":
            await it.posted()
        posted = len(it.posts())
        await change(it.env, it.env.bot, granted(LEE))
        it.becomes(job, "FAILED")
        await it.pass_time()
        await it.hears("I stopped following *llama* (*Research*)")
        await it.slack.until(lambda: "No longer following" in first.text)
        assert "stop_following" not in str(first.blocks)
        assert len(it.posts()) == posted
        assert all(it.thread(message) == [] for message in it.posts())


@pytest.mark.parametrize("days", [0, 15])
@pytest.mark.parametrize("level", LEVELS)
async def test_a_follow_waits_while_nobody_tells_who_is_in_a_group(level: str, days: int) -> None:
    async with following(rules=granted(GROUP)) as it:
        await it.follow(level=level)
        job = it.start("RUNNING")
        await it.look()
        if level != "ends":
            await it.posted()
        await it.look(16 + timedelta(days=days).total_seconds())
        it.slack.faults.always(MEMBERS, Respond(200, {"ok": False}))
        await change(it.env, it.env.bot, granted("S0NEWTEAM"))
        it.becomes(job, "FAILED")
        await it.look()
        task_id = await waiting(it, job, level)
        assert not [m for m in it.slack.messages if "I stopped following" in m.text]
        assert all(it.thread(message) == [] for message in it.posts())
        await change(it.env, it.env.bot, FOR_DANA)
        assert await it.store.wake(task_id)
        assert "failed" in (await it.replied(await it.posted())).text


async def waiting(it: Followed, job_id: str, level: str) -> str:
    """Wait until the report of a job's end is tried again later; return the id of its task."""
    kind = JOB_POST if level == "ends" else DELIVER
    async with asyncio.timeout(20):
        while (await it.store.next_due("notifications", (kind,)) or 0) < SOME_SECONDS:
            await asyncio.sleep(0.01)
    (follow,) = (await it.stored()).values()
    said = f"{job_id} ended".encode()
    if level == "ends":
        return f"followed:{follow['id']}:{sha256(said).hexdigest()[:16]}"
    (watch,) = (await documents_of(it.store, WATCHES)).values()
    return str(watch["courier"])


async def test_log_lines_need_the_creators_right_to_logs() -> None:
    async with following(rules=granted(DANA, "view") + granted(LEE, "logs")) as it:
        await it.reply_about_failed_job()
        assert "CUDA out of memory" not in it.slack.seen()


async def test_only_people_who_can_view_the_project_end_a_follow_of_somebody_else() -> None:
    async with following(rules=FOR_DANA) as it:
        first = await it.follow()
        told = len(it.slack.ephemerals)
        await it.slack.action(first, "stop_following", user=LEE)
        await it.slack.until(lambda: len(it.slack.ephemerals) > told)
        assert "no project here that you can use" in it.slack.ephemerals[-1].text
        forged = copy(first)
        forged.blocks = [
            {"type": "actions", "elements": [button | {"value": value}]}
            for block in first.blocks
            if block["type"] == "actions"
            for button in block["elements"]
            for value in [str(button["value"]).replace("a", "b")]
        ]
        await it.slack.action(forged, "stop_following", user=LEE)
        await it.hears("This isn't followed any more.")
        assert len(await it.stored()) == 1


async def test_the_home_tab_lists_the_follows_of_rights_that_hold_in_one_channel() -> None:
    async with following(rules=BOUND) as it:
        await it.follow()
        await it.slack.event({"type": "app_home_opened", "user": DANA, "tab": "home"})

        def tab() -> View:
            return next(v for v in reversed(it.slack.views) if v.payload["type"] == "home")

        await it.slack.until(lambda: any(v.payload["type"] == "home" for v in it.slack.views))
        await it.slack.until(lambda: "Stop following" in str(tab().blocks))
        await it.slack.action(tab(), "stop_following", user=DANA)
        await it.no_follow()
