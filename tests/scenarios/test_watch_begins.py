"""A watch begins: it is saved, and then the message shows it; others act in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.handlers.watch import STOP_FOR_EVERYONE, STOP_WATCH, WATCH_MESSAGE
from bot.sandbox import Hold, Respond
from bot.watches.store import WATCHES
from tests.documents import documents_of
from tests.scenarios.tasks import until_ended
from tests.scenarios.test_watching import DANA, Watched, stop_for_everyone, watching

KIM = "U0KIM00001"
UPDATE = "/api/chat.update"


async def watchers(it: Watched) -> list[str]:
    """Return the people who watch the message."""
    found = (await documents_of(it.store, WATCHES)).values()
    return [person for watch in found for person in watch["watchers"]]


@asynccontextmanager
async def beginning() -> AsyncIterator[tuple[Watched, asyncio.Event]]:
    """Show a watch; the bot waits for Slack's answer to the update until the event is set."""
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        drawn = asyncio.Event()
        it.slack.faults.next(UPDATE, Hold(drawn))
        await it.slack.action(it.answer, "watch")
        await it.shows("stop_watching")
        yield it, drawn
        assert drawn.is_set()


async def shown(it: Watched, drawn: asyncio.Event) -> str:
    """Let the watch begin, and return what the message shows in the end."""
    drawn.set()
    await until_ended(it.env, WATCH_MESSAGE)
    return str(it.answer.blocks)


async def test_a_watch_that_is_stopped_while_it_begins_stays_stopped() -> None:
    async with beginning() as (it, drawn):
        await it.slack.action(it.answer, "stop_watching")
        await until_ended(it.env, STOP_WATCH)
        assert "stop_watching" not in await shown(it, drawn)
        assert await watchers(it) == []
        assert it.slack.ephemerals == []


async def test_a_watch_that_is_stopped_for_everyone_while_it_begins_stays_stopped() -> None:
    async with beginning() as (it, drawn):
        await stop_for_everyone(it, KIM)
        await until_ended(it.env, STOP_FOR_EVERYONE)
        assert "stop_watching" not in await shown(it, drawn)
        assert await watchers(it) == []


async def test_a_refresh_while_a_watch_begins_shows_the_watch() -> None:
    async with beginning() as (it, drawn):
        await it.slack.action(it.answer, "more", selected="refresh")
        await it.shows("efreshed by")
        assert "stop_watching" in await shown(it, drawn)
        assert await watchers(it) == [DANA]


async def test_a_message_whose_watch_ends_while_it_begins_shows_the_end() -> None:
    async with beginning() as (it, drawn):
        await it.becomes("COMPLETED")
        assert DANA in await it.hears(1)
        message = await shown(it, drawn)
        assert "finished" in message
        assert "stop_watching" not in message


async def test_a_second_watcher_needs_no_baseten() -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        await it.watch()
        # As a process leaves the message that dies after it has saved its watcher.
        it.env.baseten.faults.always("/v1/training_projects/.*", Respond(404))
        await it.slack.action(it.answer, "watch", user=KIM)
        await it.shows(f"<@{KIM}>")
        await until_ended(it.env, WATCH_MESSAGE)
        assert await watchers(it) == [DANA, KIM]


@pytest.mark.parametrize("error", ["message_not_found", "not_in_channel"])
async def test_who_hears_that_a_message_cannot_be_watched_does_not_watch(error: str) -> None:
    async with watching() as it:
        it.start("RUNNING")
        await it.open()
        it.slack.faults.next(UPDATE, Respond(200, {"ok": False, "error": error}))
        await it.slack.action(it.answer, "watch")
        await it.env.told()
        await until_ended(it.env, WATCH_MESSAGE)
        assert await documents_of(it.store, WATCHES) == {}
        assert "stop_watching" not in str(it.answer.blocks)
