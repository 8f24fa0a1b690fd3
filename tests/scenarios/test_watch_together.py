"""Many people on one watch, on two replicas, and people who mean harm."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr

from bot.access.rules import Actor, Verb
from bot.app import Bot
from bot.durable.database import open_store
from bot.handlers.watch import WATCH_MESSAGE
from bot.sandbox import Clock, SandboxBaseten, SandboxSlack
from bot.watches.poller import PollInterval
from bot.watches.store import WATCHES
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.documents import documents_of
from tests.durable.postgres import postgres_programs, postgres_server, postgres_url
from tests.scenarios.filled import dialog
from tests.scenarios.tasks import until_ended
from tests.scenarios.test_watching import FAST, Watched, watching

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

DANA, KIM = "U0SANDBOX1", "U0KIM00001"


@asynccontextmanager
async def two_replicas(url: str) -> AsyncIterator[tuple[Watched, list[Bot]]]:
    """Run two bots on one database, and post a message about a job that runs."""
    clock, shared = Clock(), SecretStr(url)
    tuning = Tuning(poll_interval=PollInterval(fast=0.05, slow=0.05), now=clock)
    with TemporaryDirectory() as name:
        async with (
            SandboxSlack() as slack,
            SandboxBaseten(now=clock) as baseten,
            open_store(url) as store,
        ):
            baseten.add_team("Research", id=RESEARCH)
            env = Env(slack, baseten, Path(name))
            async with (
                env.running(tuning, database_url=shared) as one,
                env.running(tuning, database_url=shared) as two,
            ):
                it = Watched(env, clock, store)
                it.project_id = baseten.add_project(RESEARCH, "llama")["id"]
                it.start("RUNNING", name="sft-3")
                await it.open()
                yield it, [one, two]


async def press_at_once(it: Watched, bots: list[Bot], button: str, *users: str) -> None:
    """Let the clicks of people on one button reach the replicas by turns."""
    message, clicks = it.answer, []
    for number, user in enumerate(users):
        it.slack.bot_url = bots[number % len(bots)].url
        clicks.append(asyncio.create_task(it.slack.action(message, button, user=user)))
        await asyncio.sleep(0)
    assert [each.status for each in await asyncio.gather(*clicks)] == [200] * len(users)


async def watchers(it: Watched) -> list[str]:
    """Return the people who watch, in no order."""
    return sorted(
        user
        for watch in (await documents_of(it.store, WATCHES)).values()
        for user in watch["watchers"]
        if not watch["ended"]
    )


async def test_two_replicas_take_the_clicks_of_two_people_at_once(postgres_url: str) -> None:
    async with two_replicas(postgres_url) as (it, bots):
        await press_at_once(it, bots, "watch", DANA, KIM)
        both = re.compile(r"Watched by <@\w+> and <@\w+>")
        await it.slack.until(lambda: both.search(str(it.answer.blocks)) is not None)
        async with asyncio.timeout(20):
            while await watchers(it) != sorted([DANA, KIM]):
                await asyncio.sleep(0.01)
        await it.becomes("COMPLETED")
        last = await it.hears(1)
        assert all(f"<@{each}>" in last for each in (DANA, KIM))
        await it.shows("finished")
        await asyncio.gather(*(bot.drain() for bot in bots))
        assert len(it.replies) == 1
        assert await documents_of(it.store, WATCHES) == {}


async def test_the_last_two_people_stop_on_two_replicas_at_once(postgres_url: str) -> None:
    async with two_replicas(postgres_url) as (it, bots):
        await press_at_once(it, bots, "watch", DANA, KIM)
        async with asyncio.timeout(20):
            while await watchers(it) != sorted([DANA, KIM]):
                await asyncio.sleep(0.01)
        await it.slack.until(lambda: "stop_watching" in str(it.answer.blocks))
        await press_at_once(it, bots, "stop_watching", DANA, KIM)
        await asyncio.gather(*(bot.drain() for bot in bots))
        assert await documents_of(it.store, WATCHES) == {}
        assert "stop_watching" not in str(it.answer.blocks)
        assert "atched by" not in str(it.answer.blocks)
        assert it.slack.ephemerals == []


CROWD = [f"U0CROWD{number:03}" for number in range(25)]


async def crowd(it: Watched) -> None:
    """Let 25 people watch the message."""
    before = it.answer.blocks
    for user in CROWD:
        it.answer.blocks = before  # as people see it who have not looked again
        await it.slack.action(it.answer, "watch", user=user)
    await until_ended(it.env, WATCH_MESSAGE)
    assert await watchers(it) == CROWD


def mentioned(replies: list[str]) -> list[str]:
    return sorted(re.findall("U0CROWD...", " ".join(replies)))


async def test_25_watchers_are_all_mentioned_once_at_each_piece_of_news_for_them() -> None:
    async with watching() as it:
        old = it.start("RUNNING", name="old")
        await it.open()
        await crowd(it)
        it.clock.advance(FAST)
        it.start("PENDING", name="new")
        it.clock.advance(FAST)
        await it.hears(2)
        assert mentioned(it.replies) == CROWD
        assert [reply.count("<@") for reply in it.replies] == [20, 5]
        it.job_id = old
        await it.becomes("FAILED")
        await it.hears(4)
        assert mentioned(it.replies[2:]) == CROWD
        assert [reply.count("<@") for reply in it.replies[2:]] == [20, 5]


async def test_two_newer_jobs_are_announced_once_each_and_a_look_later_not_again() -> None:
    async with watching() as it:
        it.start("RUNNING", name="old")
        await it.open()
        await it.watch()
        for count, name in enumerate(("second", "third"), 1):
            it.clock.advance(FAST)
            it.start("PENDING", name=name)
            it.clock.advance(FAST)
            assert f"A newer job started in *llama*: *{name}*" in await it.hears(count)
        for _ in range(3):
            it.clock.advance(FAST)
            await it.open()
        assert len(it.replies) == 2


async def test_of_two_newer_jobs_between_two_looks_the_newest_is_announced() -> None:
    async with watching() as it:
        it.start("RUNNING", name="old")
        await it.open()
        await it.watch()
        for number, name in enumerate(("second", "third"), 1):
            created = it.clock() + timedelta(seconds=number)
            it.start("PENDING", name=name, created_at=created)
        it.clock.advance(FAST)
        assert "*third*" in await it.hears(1)
        for _ in range(3):
            it.clock.advance(FAST)
            await it.open()
        assert len(it.replies) == 1


def forged(question: dict[str, Any], **changes: Any) -> str:
    """Return the state of the dialog with other values."""
    state = json.loads(question["private_metadata"])
    return json.dumps(state | changes)


async def test_a_stop_for_everyone_forged_for_a_hidden_watch_stops_nothing(idle_env: Env) -> None:
    def only_research(actor: Actor, verb: Verb, team: str) -> bool:  # noqa: ARG001 - the protocol
        return team == "Research" or actor.id == DANA

    idle_env.baseten.add_team("Secret", id="5ecret5")
    idle_env.baseten.add_job(idle_env.baseten.add_project(RESEARCH, "sft")["id"])
    idle_env.baseten.add_job(idle_env.baseten.add_project("5ecret5", "hidden")["id"])
    async with idle_env.running(Tuning(allows=only_research)):
        for count, words in enumerate(("research sft", "secret hidden"), 1):
            await idle_env.slack.command(words, user=DANA)
            await idle_env.answered(count)
        shown, hidden = idle_env.slack.messages
        for message in (shown, hidden):
            await idle_env.slack.action(message, "watch", user=DANA)
        await until_ended(idle_env, WATCH_MESSAGE)
        await idle_env.slack.action(shown, "more", selected="stop for everyone", user=KIM)
        question = await dialog(idle_env)
        question.payload["private_metadata"] = forged(question.payload, ts=hidden.ts)
        edits = hidden.edits
        await idle_env.slack.submit(question, {}, user=KIM)
        assert "no project here that you can use" in await idle_env.told()
        assert "stop_watching" in str(hidden.blocks)
        assert "stop_watching" in str(shown.blocks)
        assert hidden.edits == edits
