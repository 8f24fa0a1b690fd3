"""A watched answer, from the click to the last word, by a clock that only the test moves."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from bot.durable.database import open_store
from bot.durable.model import Enqueue
from bot.durable.store import Store
from bot.handlers.watch import STOP_FOR_EVERYONE, STOP_WATCH, WATCH_MESSAGE, WATCH_ONE_JOB
from bot.sandbox import Clock, PostedMessage, Respond, SandboxBaseten, SandboxSlack
from bot.slack.web_api import ATTEMPTS
from bot.watches.poller import PollInterval
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.documents import documents_of
from tests.scenarios.tasks import until_ended

FAST = 15  # seconds of the clock; the bot looks whenever it has moved
DANA = "U0SANDBOX1"
KEY = "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"


@dataclass
class Watched:
    """A project with a job, its answer in a channel, and a clock."""

    env: Env
    clock: Clock
    store: Store
    project_id: str = ""
    job_id: str = ""

    @property
    def slack(self) -> SandboxSlack:
        return self.env.slack

    @property
    def answer(self) -> PostedMessage:
        return self.slack.messages[0]

    @property
    def replies(self) -> list[str]:
        return [m.text for m in self.slack.messages if m.thread_ts == self.answer.ts]

    def start(self, status: str = "PENDING", **job: Any) -> str:
        """Push a job to the project."""
        job |= {"status": f"TRAINING_JOB_{status}"}
        self.job_id = self.env.baseten.add_job(self.project_id, **job)["id"]
        return self.job_id

    async def open(self) -> None:
        before = len(self.slack.messages)
        await self.slack.command("research llama")
        await self.env.answered(before + 1)

    async def watch(self) -> None:
        """Press the button; wait until the message says so and, soon after that, the store."""
        await self.slack.action(self.answer, "watch")
        await self.slack.until(lambda: "Watched by" in str(self.answer.blocks))
        await until_ended(self.env, WATCH_MESSAGE)

    async def watch_too(self, reply: PostedMessage, user: str) -> None:
        """Press the button of an announcement, and wait in the same way."""
        await self.slack.action(reply, "watch_too", user=user)
        await self.slack.until(lambda: "stop_watching" in choices(reply))
        await until_ended(self.env, WATCH_ONE_JOB)

    async def becomes(self, status: str, after: float = FAST, **changes: Any) -> None:
        """Let the job change, and time pass until the next look."""
        self.env.baseten.set_job(self.job_id, status=f"TRAINING_JOB_{status}", **changes)
        self.clock.advance(after)  # an end is reported 15 s after the job's last update

    async def hears(self, count: int) -> str:
        """Wait for so many replies, and return the last."""
        await self.slack.until(lambda: len(self.replies) >= count)
        return self.replies[-1]

    async def shows(self, words: str) -> None:
        """Wait until the message says this."""
        await self.slack.until(lambda: words in str(self.answer.blocks))


@asynccontextmanager
async def watching(**settings: Any) -> AsyncIterator[Watched]:
    """Run a bot that looks at its watches whenever the clock has moved."""
    clock = Clock()
    with TemporaryDirectory() as name:
        async with (
            SandboxSlack() as slack,
            SandboxBaseten(now=clock) as baseten,
            open_store(f"sqlite:///{name}/bot.db") as store,
        ):
            baseten.add_team("Research", id=RESEARCH)
            env = Env(slack, baseten, Path(name))
            tuning = Tuning(poll_interval=PollInterval(fast=0.05, slow=0.05), now=clock)
            async with env.running_on(store, tuning, **settings):
                watched = Watched(env, clock, store)
                watched.project_id = baseten.add_project(RESEARCH, "llama")["id"]
                yield watched


async def put_off(lines: Sequence[Mapping[str, Any]]) -> str:
    """Wait until the log says that a task is rescheduled; return its id."""
    async with asyncio.timeout(20):
        while not (
            late := {line["task"] for line in lines if "task is rescheduled" in line["event"]}
        ):
            await asyncio.sleep(0.01)
    (task_id,) = late
    return str(task_id)


async def wake(store: Store, task_id: str) -> None:
    """Let a task that was put off run now."""
    async with asyncio.timeout(20):
        while not await store.wake(task_id):
            await asyncio.sleep(0.01)


async def test_the_thread_hears_of_each_turn_once_and_the_message_follows() -> None:
    async with watching() as it:
        it.start(name="sft-3")
        await it.open()
        await it.watch()
        await it.becomes("DEPLOYING")
        assert "*sft-3* in *llama* is deploying" in await it.hears(1)
        await it.shows("is deploying")
        await it.becomes("RUNNING")
        assert "*sft-3* in *llama* is running" in await it.hears(2)
        await it.shows("running since")
        await it.becomes("RUNNING", 5400, checkpoint_sync_status="SYNCING")
        await it.shows("checkpoints: syncing")
        await it.becomes("COMPLETED")
        last = await it.hears(3)
        assert "*sft-3* in *llama* finished after 1 hour 30 minutes" in last
        assert f"<@{DANA}>" in last
        await it.shows("finished after 1 hour 30 minutes")
        assert "stop_watching" not in str(it.answer.blocks)
        it.clock.advance(100)
        await it.open()
        assert len(it.replies) == 3


async def test_a_failed_job_shows_its_last_lines_without_the_key_in_them() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        logs = [f"line {number}" for number in range(30)]
        it.env.baseten.add_logs(it.job_id, [*logs, f"login with {KEY}", "CUDA out of memory"])
        await it.becomes("FAILED", error_message="exit code 1")
        last = await it.hears(1)
        blocks = str(it.slack.messages[-1].blocks)
        assert "failed" in last
        assert "exit code 1" in blocks
        assert "CUDA out of memory" in blocks
        assert "line 12" in blocks
        assert "line 11" not in blocks
        assert KEY not in it.slack.seen()


@pytest.mark.parametrize(
    ("status", "words"), [("STOPPED", "stopped"), ("PREEMPTED", "spot capacity was reclaimed")]
)
async def test_what_is_stopped_or_preempted_is_said_in_its_own_words(
    status: str, words: str
) -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        await it.becomes(status)
        assert words in await it.hears(1)


async def test_a_job_that_never_starts_is_told_of_once() -> None:
    async with watching(waiting_too_long=30) as it:
        it.start(error_message="Spot capacity is available.")
        it.env.baseten.add_job(
            it.env.baseten.add_project(RESEARCH, "other")["id"], status="TRAINING_JOB_RUNNING"
        )
        await it.open()
        await it.watch()
        it.clock.advance(29 * 60)
        await it.becomes("PENDING", 2 * 60)
        said = await it.hears(1)
        blocks = str(it.slack.messages[-1].blocks)
        assert "has been waiting for GPUs for 3" in said
        assert "Spot capacity is available." in blocks
        assert "8 of 64 H100 in use" in blocks
        it.clock.advance(3600)
        await it.becomes("DEPLOYING")
        assert "is deploying" in await it.hears(2)


async def test_a_newer_job_is_announced_once_and_the_watched_one_is_followed_to_its_end() -> None:
    async with watching() as it:
        old = it.start("RUNNING", name="old")
        await it.open()
        await it.watch()
        it.clock.advance(FAST)
        new = it.start("PENDING", name="new")
        it.clock.advance(FAST)
        said = await it.hears(1)
        assert said.startswith("🔀 A newer job started in *llama*: *new* (waiting for GPU")
        assert f"I'm still following *old*. <@{DANA}>" in said
        it.job_id = new
        await it.becomes("RUNNING")
        await it.becomes("FAILED")
        it.job_id = old
        await it.becomes("COMPLETED")
        assert "*old* in *llama* finished" in await it.hears(2)
        await it.shows("finished")
        it.clock.advance(100)
        await it.open()
        assert len(it.replies) == 2


def choices(message: PostedMessage) -> list[str]:
    """Return the action ids of a message's buttons."""
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [each["action_id"] for row in rows for each in row]


async def announced(it: Watched) -> PostedMessage:
    """Watch a job, push a newer one, and return the reply that announces it."""
    it.start("RUNNING", name="old")
    await it.open()
    await it.watch()
    it.clock.advance(FAST)
    it.start("PENDING", name="new")
    it.clock.advance(FAST)
    await it.hears(1)
    return it.slack.messages[-1]


async def test_watch_too_turns_the_announcement_into_the_message_of_the_newer_job() -> None:
    async with watching() as it:
        reply = await announced(it)
        assert choices(reply) == ["watch_too"]
        await it.watch_too(reply, "U0KIM00001")
        assert "|new>" in str(reply.blocks)
        assert "U0KIM00001" in str(reply.blocks)
        assert reply.thread_ts == it.answer.ts
        await it.becomes("RUNNING")
        assert "*new* in *llama* is running" in await it.hears(2)
        await it.slack.until(lambda: "is running" in str(reply.blocks))
        await it.becomes("COMPLETED")
        last = await it.hears(3)
        assert "*new* in *llama* finished" in last
        assert "U0KIM00001" in last
        assert DANA not in last
        assert "|old>" in str(it.answer.blocks)
        async with asyncio.timeout(20):
            while len(await documents_of(it.store, "watches")) > 1:
                await asyncio.sleep(0.01)


async def test_a_second_press_of_watch_too_joins() -> None:
    async with watching() as it:
        reply = await announced(it)
        before = reply.blocks
        await it.watch_too(reply, "U0KIM00001")
        reply.blocks = before  # as somebody saw it who did not look
        await it.slack.action(reply, "watch_too")
        both = ("U0KIM00001", DANA)
        await it.slack.until(lambda: all(f"<@{each}>" in str(reply.blocks) for each in both))
        assert len(await documents_of(it.store, "watches")) == 2


async def test_of_a_newer_job_that_has_ended_the_person_is_told() -> None:
    async with watching() as it:
        reply = await announced(it)
        it.env.baseten.set_job(it.job_id, status="TRAINING_JOB_FAILED")
        await it.slack.action(reply, "watch_too")
        assert "nothing to watch any more: *new* failed" in await it.env.told()
        assert choices(reply) == ["watch_too"]


async def test_the_first_job_of_a_new_project_is_followed() -> None:
    async with watching() as it:
        await it.open()
        await it.watch()
        it.start("PENDING", name="first")
        it.clock.advance(FAST)
        told = await it.hears(1)
        assert "*llama* has its first job: *first* (waiting for GPU" in told
        assert f"<@{DANA}>" in told  # the message promised that *Watch* tells when it starts
        await it.shows("|first>")


async def test_the_last_stop_ends_the_watch() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        await it.slack.action(it.answer, "stop_watching")
        await it.slack.until(lambda: "atched by" not in str(it.answer.blocks))
        await it.becomes("COMPLETED")
        await it.open()
        it.clock.advance(FAST)
        await it.open()
        assert it.replies == []


async def test_a_stop_by_one_of_two_leaves_the_other() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        blocks = it.answer.blocks
        await it.watch()
        it.answer.blocks = blocks
        await it.slack.action(it.answer, "watch", user="U0KIM00001")
        await it.shows("U0KIM00001")
        await until_ended(it.env, WATCH_MESSAGE)
        await it.slack.action(it.answer, "stop_watching")
        await it.slack.until(lambda: f"Watched by <@{DANA}>" not in str(it.answer.blocks))
        assert "Watched by <@U0KIM00001>" in str(it.answer.blocks)
        await it.becomes("COMPLETED")
        last = await it.hears(1)
        assert "<@U0KIM00001>" in last
        assert DANA not in last


async def test_a_stop_by_somebody_who_does_not_watch_changes_nothing() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        await it.slack.action(it.answer, "stop_watching", user="U0KIM00001")
        assert f"You're not watching *llama*. <@{DANA}> is." in await it.env.told()
        await it.becomes("COMPLETED")
        assert f"<@{DANA}>" in await it.hears(1)


async def stop_for_everyone(it: Watched, user: str) -> None:
    """Stop the watch of the answer for everyone, as the menu of the message does."""
    (watch,) = (await documents_of(it.store, "watches")).values()
    state = {
        "place": {"user_id": user, "channel_id": it.answer.channel},
        "ts": it.answer.ts,
        "message_state": watch["message_state"],
    }
    task = Enqueue("stop_all/1:all", STOP_FOR_EVERYONE, state, "commands", delay=0.0)
    await it.store.write(task)
    it.store.publish("commands")


async def test_a_stop_for_everyone_ends_the_watch_and_names_the_person_to_the_others() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        await stop_for_everyone(it, "U0KIM00001")
        dm = f"D{DANA[1:]}"
        await it.slack.until(lambda: any(each.channel == dm for each in it.slack.messages))
        (told,) = [each for each in it.slack.messages if each.channel == dm]
        assert "<@U0KIM00001> stopped watching *llama* for everyone" in told.text
        await it.slack.until(lambda: "Watched by" not in str(it.answer.blocks))
        assert await documents_of(it.store, "watches") == {}


async def test_a_stop_that_is_shown_later_leaves_a_newer_watch_alone() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        busy = Respond(429, headers={"Retry-After": "60"})
        it.slack.faults.next("/api/chat.update", busy)
        it.slack.faults.next("/response/.*", busy)
        with capture_logs([merge_contextvars]) as lines:
            await it.slack.action(it.answer, "stop_watching")
            task_id = await put_off(lines)
        await it.slack.action(it.answer, "stop_watching")
        await it.shows("'watch'")
        await it.watch()
        edits = it.answer.edits
        await wake(it.store, task_id)
        await it.slack.until(lambda: it.answer.edits > edits)
        assert "Watched by" in str(it.answer.blocks)
        await it.becomes("COMPLETED")
        assert "finished" in await it.hears(1)


async def test_a_stop_that_is_done_again_ends_only_the_watch_that_was_meant() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        (watch,) = (await documents_of(it.store, "watches")).values()
        place = {"user_id": DANA, "channel_id": it.answer.channel}
        state = {
            "place": place,
            "ts": it.answer.ts,
            "message_state": watch["message_state"],
            "watch_id": "older",
        }
        edits = it.answer.edits
        # As a process leaves it that died after the end of the older watch.
        await it.store.write(Enqueue("stop/2:left", STOP_WATCH, state, "commands", delay=0.0))
        it.store.publish("commands")
        it.clock.advance(FAST)
        await it.slack.until(lambda: it.answer.edits > edits)
        assert "Watched by" in str(it.answer.blocks)
        assert await documents_of(it.store, "watches")


async def test_a_stop_that_slack_cannot_show_has_ended_the_watch_all_the_same() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        refused = {"ok": False, "error": "edit_window_closed"}
        it.slack.faults.always("/api/chat.update", Respond(200, json=refused))
        it.slack.faults.always("/response/.*", Respond(404))
        await it.slack.action(it.answer, "stop_watching")
        assert "You've stopped watching, but I couldn't update the message" in await it.env.told()


async def test_a_stop_needs_no_baseten() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        it.env.baseten.faults.always("/v1/training_projects/.*", Respond(404))
        await it.slack.action(it.answer, "stop_watching")
        await it.slack.until(lambda: "atched by" not in str(it.answer.blocks))
        assert "is running" in str(it.answer.blocks)


async def test_a_watch_that_slack_cannot_show_now_begins_later() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        now = Respond(429, headers={"Retry-After": "60"})
        it.slack.faults.next("/api/chat.update", now)
        with capture_logs([merge_contextvars]) as lines:
            delivery = await it.slack.action(it.answer, "watch")
            assert delivery.status == 200
            task_id = await put_off(lines)
        await wake(it.store, task_id)
        await it.shows("Watched by")


async def test_a_second_watcher_joins_and_both_are_mentioned() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        blocks = it.answer.blocks
        await it.watch()
        shown, it.answer.blocks = it.answer.blocks, blocks  # as somebody saw it who did not look
        await it.slack.action(it.answer, "watch", user="U0KIM00001")
        await it.shows("U0KIM00001")
        await until_ended(it.env, WATCH_MESSAGE)
        assert shown != it.answer.blocks
        await it.becomes("COMPLETED")
        said = await it.hears(1)
        assert DANA in said
        assert "U0KIM00001" in said


async def test_a_setting_watches_every_answer() -> None:
    async with watching(watch_answers=True) as it:
        it.start("RUNNING")
        await it.open()
        await it.shows("Watched by")
        await until_ended(it.env)  # the store has the watch soon after that
        await it.becomes("COMPLETED")
        assert f"<@{DANA}>" in await it.hears(1)


async def test_an_answer_with_nothing_to_wait_for_is_not_watched_by_itself() -> None:
    async with watching(watch_answers=True) as it:
        it.start("COMPLETED")
        await it.open()
        await it.env.bot.drain()
        assert it.answer.edits == 0
        assert it.replies == []


async def test_a_watch_that_begins_during_a_slow_refresh_is_shown() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        update = "/api/chat.update"
        busy = Respond(429, headers={"Retry-After": "1"})
        it.slack.faults.next(update, *[busy] * (ATTEMPTS - 1), containing="efreshed by")
        await it.slack.action(it.answer, "more", selected="refresh")
        await it.slack.until(lambda: it.slack.requests[-1].path == update)
        await it.watch()
        await it.shows("efreshed by")
        await it.slack.until(lambda: it.answer.edits == 3)
        assert "Watched by" in str(it.answer.blocks)


async def test_a_watch_of_a_deleted_message_ends_with_a_word_to_who_watches() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        it.slack.delete(it.answer)
        await it.becomes("COMPLETED")
        await it.slack.until(lambda: bool(it.slack.messages))
        (message,) = it.slack.messages
        assert message.channel.startswith("D")  # where it is kept for who is away
        assert "was deleted" in message.text


async def test_a_watch_of_a_deleted_project_ends_with_a_word_in_the_thread() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        it.env.baseten.delete_project(it.project_id)
        looked = len(it.env.baseten.requests)
        it.clock.advance(FAST)
        await it.env.baseten.until(lambda: len(it.env.baseten.requests) >= looked + 2)
        it.clock.advance(FAST)  # one that is missing once is not believed to be gone
        assert "I can't find *llama* in Baseten any more" in await it.hears(1)


async def test_a_watch_ends_after_two_weeks() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        it.clock.advance(14 * 86_400)
        assert "14 days" in await it.hears(1)
        await it.slack.until(lambda: "atched by" not in str(it.answer.blocks))


async def test_where_the_bot_cannot_change_its_answer_it_says_so() -> None:
    async with watching() as it:
        it.start("RUNNING")
        it.slack.add_channel("C0PRIVATE1", member=False, private=True)
        await it.slack.command("research llama", channel="C0PRIVATE1")
        await it.env.answered()
        await it.slack.action(it.answer, "watch")
        await it.env.hears("I'm not in this channel")
        assert "atched by" not in str(it.answer.blocks)


async def test_a_job_that_ended_before_the_click_is_shown_as_it_is() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        it.env.baseten.set_job(it.job_id, status="TRAINING_JOB_COMPLETED")
        await it.slack.action(it.answer, "watch")
        assert "nothing to watch any more" in await it.env.told()
        await it.shows("finished")


async def test_refresh_keeps_the_watch() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        await it.slack.action(it.answer, "more", selected="refresh")
        await it.shows("efreshed by")
        assert "Watched by" in str(it.answer.blocks)
        assert "stop_watching" in str(it.answer.blocks)


async def test_where_the_search_is_refused_the_list_serves() -> None:
    async with watching() as it:
        it.env.baseten.search_allowed = False
        it.start("PENDING")
        await it.open()
        await it.watch()
        await it.becomes("RUNNING")
        assert "*llama* is running" in await it.hears(1)
