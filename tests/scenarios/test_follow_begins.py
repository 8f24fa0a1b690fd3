"""Jobs that start or end between the first message of a follow and the moment when it is saved."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from bot.durable.database import open_store
from bot.sandbox import Clock, Hang, Hold
from bot.watches.poller import PollInterval
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.scenarios.crowd import may_read
from tests.scenarios.following import CHANNEL, OTHER, Followed, following
from tests.scenarios.test_approval_kills import copy_database
from tests.scenarios.test_following import quiet

ALL = "starts and ends"


@asynccontextmanager
async def beginning(
    it: Followed, words: str = "research llama", **chosen: str
) -> AsyncIterator[None]:
    """Begin a follow, and hold Slack's answer to its first message: it is saved at the end."""
    answer = asyncio.Event()
    it.slack.faults.next("/api/chat.postMessage", Hold(answer), containing="Following")
    messages, before = len(it.slack.messages), await it.stored()
    await it.submit(await it.dialog(words), **chosen)
    await it.slack.until(lambda: len(it.slack.messages) > messages)
    yield
    assert await it.stored() == before
    answer.set()
    async with asyncio.timeout(10):
        while await it.stored() == before:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("earlier", ["ends", ALL])
async def test_a_job_that_starts_while_a_follow_begins_is_posted_at_its_start(earlier: str) -> None:
    async with following() as it:
        await it.follow("research", level=earlier, channel=OTHER)
        await it.look()
        async with beginning(it, level=ALL):
            job = it.start("RUNNING")
            await it.look()
        await it.look()
        message = await it.posted()
        it.becomes(job, "FAILED")
        await it.look()
        for post in (message, await it.posted(1, OTHER)):
            assert "failed" in (await it.replied(post)).text
        await quiet(it)
        assert (len(it.posts()), len(it.posts(OTHER))) == (1, 1)
        assert len(it.thread(message)) == 1


@pytest.mark.parametrize(
    ("earlier", "level"), [("ends", "failures"), ("failures", ALL), (ALL, "ends")]
)
async def test_a_job_that_ends_while_a_follow_begins_is_posted_once_in_each_channel(
    earlier: str, level: str
) -> None:
    async with following() as it:
        await it.follow("research", level=earlier, channel=OTHER)
        old = it.start("RUNNING", name="old")
        await it.look()
        async with beginning(it, level=level):
            it.becomes(old, "FAILED")
            it.becomes(it.start("RUNNING", name="new"), "FAILED")
            await it.look()
            await it.look()
            await it.posted(2, OTHER)
        await it.look()
        await it.posted(2)
        await quiet(it)
        for channel in (CHANNEL, OTHER):
            assert len(it.posts(channel)) == 2
            for post in it.posts(channel):
                assert "failed" in (await it.replied(post)).text
                assert len(it.thread(post)) == 1


@pytest.mark.parametrize(("earlier", "ends"), [("ends", False), ("ends", True), (ALL, True)])
async def test_two_follows_of_one_channel_post_such_a_job_once(earlier: str, *, ends: bool) -> None:
    async with following() as it:
        await it.follow("research", level=earlier)
        await it.look()
        async with beginning(it, level=ALL):
            job = it.start("RUNNING")
            if ends:
                it.becomes(job, "FAILED")
            await it.look()
            await it.look()
        await it.look()
        message = await it.posted()
        if not ends:
            it.becomes(job, "FAILED")
        await it.look()
        assert "failed" in (await it.replied(message)).text
        await quiet(it)
        assert (len(it.posts()), len(it.thread(message))) == (1, 1)


async def test_a_job_of_a_project_that_appears_while_a_follow_of_its_team_begins_is_posted() -> (
    None
):
    async with following() as it:
        await it.follow("research", channel=OTHER)
        await it.look()
        async with beginning(it, "research", level=ALL):
            new = str(it.env.baseten.add_project(RESEARCH, "mistral")["id"])
            it.start("RUNNING", project_id=new)
            await it.look()
        await it.look()
        assert "mistral" in (await it.posted()).text
        await quiet(it)
        assert len(it.posts()) == 1


async def test_a_job_that_starts_while_the_level_changes_is_posted_at_its_start() -> None:
    async with following() as it:
        await it.follow()
        old = it.start("RUNNING", name="old")
        await it.look()
        async with beginning(it, level=ALL):
            it.start("RUNNING", name="new")
            await it.look()
        await it.look()
        assert "new" in (await it.posted()).text
        await quiet(it)
        assert len(it.posts()) == 1
        it.becomes(old, "COMPLETED")
        await it.look()
        assert "old" in (await it.posted(2)).text
        await quiet(it)
        assert len(it.posts()) == 2


@pytest.mark.parametrize("ends", [False, True])
async def test_what_another_follow_has_posted_is_not_posted_for_an_older_one(*, ends: bool) -> None:
    async with following() as it:
        await it.follow(level="failures")
        it.becomes(it.start("RUNNING", name="between"), "COMPLETED")  # the second begins later
        await it.look()
        await it.follow("research", level=ALL)
        await it.look()
        async with beginning(it, level=ALL):
            job = it.start("RUNNING")
            if ends:
                it.becomes(job, "COMPLETED")
            await it.look()
            await it.look()
            await it.posted()
        await it.look()
        await quiet(it)
        assert len(it.posts()) == 1


async def test_a_job_that_ends_while_the_level_changes_is_posted() -> None:
    async with following() as it:
        await it.follow(level="failures")
        early = it.start("RUNNING", name="early")
        it.becomes(early, "COMPLETED")
        await it.look()
        await it.look()
        async with beginning(it, level="ends"):
            it.becomes(it.start("RUNNING", name="new"), "COMPLETED")
            await it.look()
            await it.look()
        await it.look()
        assert "new" in (await it.posted()).text
        await quiet(it)
        assert len(it.posts()) == 1


async def test_after_a_kill_the_follow_counts_from_its_first_message(idle_env: Env) -> None:
    may_read(idle_env)
    project = str(idle_env.baseten.add_project(RESEARCH, "llama")["id"])
    quick = Tuning(poll_interval=PollInterval(fast=0.05, slow=0.05), looks=(0.05, 0.05))
    idle_env.slack.faults.next("/api/chat.postMessage", Hang(after=True), containing="Following")
    async with (
        open_store(idle_env.url) as store,
        idle_env.running_on(store, quick, shutdown_seconds=1),
    ):
        it = Followed(idle_env, Clock(), store, project)
        await it.submit(await it.dialog(), level=ALL)
        await it.slack.until(lambda: "Following" in it.slack.seen())
        url = copy_database(idle_env)
    it.start("RUNNING")
    async with idle_env.running(quick, database_url=SecretStr(url)):
        await it.posted()
    assert len([m for m in it.slack.messages if "Following" in m.text]) == 1
