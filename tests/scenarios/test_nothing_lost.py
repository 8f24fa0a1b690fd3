"""What was accepted outlives the process; what cannot be accepted is refused in words."""

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from bot.journal.database import open_journal
from bot.journal.journal import Journal, JournalUnavailableError
from bot.journal.memory import MemoryJournal
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from bot.app import Tuning
from bot.arguments import ProjectRequest
from bot.listeners.opening import OPEN, Order
from bot.posting import Place
from bot.sandbox import Drop, Hang, PostedMessage, Respond
from bot.sandbox.slack import DEFAULT_SCOPES
from tests.conftest import RESEARCH, World
from tests.journal.postgres import (
    Postgres,
    postgres,
    postgres_programs,
    postgres_server,
    postgres_url,
)
from tests.scenarios.filled import chosen, dialog, typed

__all__ = ["postgres", "postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

CHANNEL, USER = "C0SANDBOX1", "U0SANDBOX1"
POST, HISTORY = "/api/chat.postMessage", "/api/conversations.history"


def order(**changes: Any) -> dict[str, Any]:
    """A command about a new project, as the journal keeps it."""
    asked = Order(request=ProjectRequest("research", "sft"), place=Place(USER, CHANNEL))
    return asked.model_copy(update=changes).state()


def add_project(world: World, ago: timedelta) -> None:
    world.baseten.add_project(RESEARCH, "sft", created_at=datetime.now(UTC) - ago)


async def interrupted(work_id: str, state: dict[str, Any]) -> Journal:
    """A journal with work that a process has left in the middle of a step."""
    journal = MemoryJournal()
    entry = await journal.submit(work_id, OPEN, state)
    assert entry is not None
    await journal.abandon(entry)
    return journal


async def at_posting(world: World, work_id: str) -> dict[str, Any]:
    """What the journal keeps of a command whose project is open; its answer is posted, too."""
    kept: list[dict[str, Any]] = []

    class Listening(MemoryJournal):
        async def keep(self, entry: Any, state: Any) -> Any:
            kept.append(state)
            return await super().keep(entry, state)

    journal = Listening()
    await journal.submit(work_id, OPEN, order(), after=0)
    async with world.running(journal):
        await world.answered()
    return kept[0]


async def test_what_another_process_left_is_done_and_claims_nothing(still: World) -> None:
    journal = await interrupted("w1", order())
    add_project(still, ago=timedelta(seconds=10))  # it had come so far
    async with still.running(journal):
        await still.answered()
    assert "*sft* is open in team *Research*" in still.slack.messages[0].text


async def test_an_old_project_is_still_told_apart(still: World) -> None:
    journal = await interrupted("w1", order())
    add_project(still, ago=timedelta(hours=1))
    async with still.running(journal):
        await still.answered()
    assert "*sft* already exists" in still.slack.messages[0].text


async def test_an_answer_that_is_there_is_not_posted_again(still: World) -> None:
    still.slack.scopes = (*DEFAULT_SCOPES, "channels:history")
    state = await at_posting(still, "w1")
    journal = await interrupted("w1", state)
    async with still.running(journal):
        await still.slack.until(lambda: still.slack.requests[-1].path == HISTORY)
    assert len(still.slack.messages) == 1
    assert (await done(journal, "w1")) is True


async def test_an_answer_is_found_however_much_was_said_since(still: World) -> None:
    still.slack.scopes = (*DEFAULT_SCOPES, "channels:history")
    state = await at_posting(still, "w1")
    journal = await interrupted("w1", state)
    (answer,) = still.slack.messages
    for number in range(450):
        ts = f"{float(answer.ts) + number + 1:.6f}"
        still.slack.messages.append(PostedMessage(CHANNEL, ts, "U0KIM00001", "hm", [], "person"))
    async with still.running(journal):
        await still.slack.until(lambda: still.slack.requests[-1].path == HISTORY)
        await still.bot.drain()
    assert [message for message in still.slack.messages if message.blocks] == [answer]
    assert (await done(journal, "w1")) is True


async def test_where_the_bot_may_not_look_it_is_posted_again(still: World) -> None:
    state = await at_posting(still, "w1")
    journal = await interrupted("w1", state)
    async with still.running(journal):
        await still.answered(2)
    assert len(still.slack.messages) == 2


async def test_an_answer_of_other_work_is_another_answer(still: World) -> None:
    still.slack.scopes = (*DEFAULT_SCOPES, "channels:history")
    state = await at_posting(still, "w1")
    async with still.running(await interrupted("w2", state)):
        await still.answered(2)


async def test_an_unconfirmed_answer_that_is_there_is_no_failure(http: World) -> None:
    http.slack.scopes = (*DEFAULT_SCOPES, "channels:history")
    http.slack.faults.next(POST, Drop(after=True))
    await http.slack.command("research sft")
    await http.answered()
    await http.slack.until(lambda: http.slack.requests[-1].path == HISTORY)
    await http.bot.drain()
    assert http.slack.ephemerals == []


async def test_what_slack_cannot_take_now_is_sent_later(http: World) -> None:
    http.slack.faults.always(POST, Respond(429, headers={"Retry-After": "60"}))
    http.slack.faults.always("/response/.*", Respond(429, headers={"Retry-After": "60"}))
    with capture_logs([merge_contextvars]) as lines:
        await http.slack.command("research sft")
        await http.slack.until(lambda: sum(r.path == POST for r in http.slack.requests) == 1)
        await http.bot.drain()
    assert "Slack cannot take it now" in [line["event"] for line in lines]
    assert http.slack.ephemerals == []


async def test_what_is_under_way_at_the_end_is_left_to_the_next_process(still: World) -> None:
    journal = MemoryJournal()
    still.baseten.faults.next("/v1/teams", Hang())
    async with still.running(journal, Tuning(drain=0)):
        await still.slack.command("research sft")
        await still.baseten.until(lambda: "/v1/teams" in [r.path for r in still.baseten.requests])
    assert still.slack.ephemerals == []
    async with still.running(journal):
        await still.answered()


async def test_a_click_that_is_under_way_at_the_end_is_told_so(still: World) -> None:
    async with still.running(tuning=Tuning(drain=0)):
        await still.slack.command("research sft")
        await still.answered()
        still.baseten.faults.next(r"/v1/training_projects/.*", Hang())
        await still.slack.action(still.slack.messages[0], "refresh")
        await still.baseten.until(
            lambda: still.baseten.requests[-1].path.startswith("/v1/training_projects/")
        )
    assert "I am being restarted and could not finish" in still.slack.ephemerals[0].text


class Away(MemoryJournal):
    """A journal whose database is away for what Slack hands in."""

    away = True

    async def submit(self, entry_id: str, kind: str, state: Any, **how: Any) -> Any:
        if self.away and "/" in kind:
            raise JournalUnavailableError("connection refused")
        return await super().submit(entry_id, kind, state, **how)


STEP = {"team": "research", "name": "sft", "channel": CHANNEL}


async def test_a_step_that_is_not_on_disk_is_not_acked_and_comes_again(still: World) -> None:
    journal = Away()
    async with still.running(journal):
        delivery = await still.slack.function_executed("open_training_project", STEP)
        assert delivery.status == 503
        assert still.slack.completions == []
        journal.away = False
        await still.slack.function_executed("open_training_project", STEP)
        await still.slack.until(lambda: len(still.slack.completions) == 1)
    assert still.slack.completions[0].error is None


async def test_a_dialog_that_failed_can_be_changed_and_submitted_again(still: World) -> None:
    journal = Away()
    async with still.running(journal):
        await still.slack.command("research")
        view = await dialog(still)
        chose = chosen(RESEARCH)
        first = await still.slack.submit(view, chose | typed("name", "first"))
        assert "database does not answer" in str(first.body)
        journal.away = False
        await still.slack.submit(view, chose | typed("name", "second"))
        await still.answered()
    assert "*second*" in still.slack.messages[0].text


@pytest.mark.parametrize("method", ["completeSuccess", "chat.postMessage"])
async def test_a_step_whose_end_slack_cannot_take_now_ends_later(still: World, method: str) -> None:
    path = f"/api/{method}" if "." in method else f"/api/functions.{method}"
    journal = MemoryJournal()
    async with still.running(journal, Tuning(drain=5)):
        still.slack.faults.always(path, Respond(429, headers={"Retry-After": "60"}))
        with capture_logs([merge_contextvars]) as lines:
            await still.slack.function_executed("open_training_project", STEP)
            await still.slack.until(lambda: still.slack.requests[-1].path == path)
            await still.bot.drain()
    assert "Slack cannot take it now" in [line["event"] for line in lines]
    assert still.slack.completions == []
    still.slack.faults.clear()
    (work_id,) = {line["work"] for line in lines if line["event"] == "Slack cannot take it now"}
    assert await journal.wake(work_id)
    async with still.running(journal):
        await still.slack.until(lambda: len(still.slack.completions) == 1)
    assert still.slack.completions[0].error is None
    assert len(still.slack.messages) == 1


async def test_a_step_that_slack_knows_no_more_has_ended(still: World) -> None:
    journal, end = MemoryJournal(), "/api/functions.completeSuccess"
    still.slack.faults.next(end, Drop(after=True))  # it ended, and nobody heard
    with capture_logs() as lines:
        async with still.running(journal):
            delivery = await still.slack.function_executed("open_training_project", STEP)
            await still.slack.until(lambda: sum(r.path == end for r in still.slack.requests) == 2)
            await still.bot.drain()
    assert delivery.status == 200
    assert [line for line in lines if line["log_level"] == "error"] == []
    assert [completion.error for completion in still.slack.completions] == [None]


async def test_where_looking_fails_only_for_now_the_answer_waits(still: World) -> None:
    still.slack.scopes = (*DEFAULT_SCOPES, "channels:history")
    state = await at_posting(still, "w1")
    journal = await interrupted("w1", state)
    still.slack.faults.always(HISTORY, Respond(429, headers={"Retry-After": "60"}))
    async with still.running(journal):
        await still.slack.until(lambda: still.slack.requests[-1].path == HISTORY)
        await still.bot.drain()
    still.slack.faults.clear()
    assert await journal.wake("w1")
    async with still.running(journal):
        await still.slack.until(lambda: sum(r.path == HISTORY for r in still.slack.requests) == 2)
        await still.bot.drain()
    assert len(still.slack.messages) == 1
    assert await done(journal, "w1")


async def test_the_home_tab_does_not_need_the_database(still: World) -> None:
    class Forgetful(MemoryJournal):
        async def read_all(self, collection: str) -> Any:
            if collection.startswith("recent"):
                raise JournalUnavailableError("connection refused")
            return await super().read_all(collection)

    async with still.running(Forgetful()):
        await still.slack.event({"type": "app_home_opened", "user": USER, "tab": "home"})
        await still.slack.until(lambda: bool(still.slack.views))
    assert still.slack.ephemerals == []


async def test_who_could_not_be_told_is_told_later(still: World) -> None:
    journal = MemoryJournal()
    away = Respond(429, headers={"Retry-After": "60"})
    still.slack.faults.always("/api/chat.*|/response/.*", away)
    async with still.running(journal):
        with capture_logs([merge_contextvars]) as lines:
            await still.slack.command("reserch sft", trigger_id="1.2.3")
            await still.slack.until(lambda: still.slack.requests[-1].path == POST)
            await still.bot.drain()
    assert "Slack cannot take it now" in [line["event"] for line in lines]
    still.slack.faults.clear()
    assert await journal.wake("command:1.2.3")
    async with still.running(journal):
        assert "Did you mean *Research*?" in await still.told()


async def done(journal: Journal, work_id: str) -> bool:
    entry = await journal.get(work_id)
    return entry is not None and entry.done


async def test_a_command_that_slack_delivers_twice_is_done_once(http: World) -> None:
    await http.slack.command("research sft", trigger_id="1.2.same")
    await http.answered()
    await http.slack.command("research sft", trigger_id="1.2.same")
    await http.bot.drain()
    assert len(http.slack.messages) == 1


async def test_who_asked_too_long_ago_is_told(still: World, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bot.db"
    async with open_journal(url) as journal:
        await journal.submit("w1", OPEN, order(), after=0)
    with closing(sqlite3.connect(tmp_path / "bot.db")) as database, database:
        database.execute("UPDATE training_bot_work SET accepted_at = accepted_at - 31 * 60")
    async with open_journal(url) as journal:
        async with still.running(journal):
            told = await still.told()
        assert await done(journal, "w1")
    assert "I could not answer until now" in told
    assert "/training-project research sft" in told
    assert still.baseten.upserts == []


@pytest.mark.timeout(90)
async def test_while_the_database_is_away_commands_are_refused_in_time_and_in_words(
    still: World, postgres: Postgres
) -> None:
    url = postgres.new_database()
    async with open_journal(url) as journal, still.running(journal):
        await still.slack.command("research before")
        await still.answered()
        postgres.hang()
        began = time.monotonic()
        delivery = await still.slack.command("research while")
        took = time.monotonic() - began
        assert "My database does not answer" in delivery.body["text"]
        assert took < 3  # seconds, which is all that Slack gives
        async with httpx.AsyncClient(base_url=still.bot.url) as platform:
            async with asyncio.timeout(30):
                while (ready := await platform.get("/readyz")).status_code == 200:
                    await asyncio.sleep(0.05)
            assert "database" in ready.json()["reasons"]
            postgres.go_on()
            async with asyncio.timeout(30):
                await still.bot.health.ready()
        await still.slack.command("research after")
        await still.slack.until(lambda: "*after*" in still.slack.messages[-1].text, 20)
