"""A commit that hangs, and tasks that belong to another process: the bot says what is true."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from structlog.testing import capture_logs

from bot.app import Bot
from bot.connections import connections
from bot.durable.batch import Unit
from bot.durable.database import open_store
from bot.durable.model import Enqueue, LeaseLostError
from bot.durable.sqlite import SQLite
from bot.durable.store import Store
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import chosen, dialog, typed
from tests.scenarios.tasks import CHANNEL, POST, until_ended

STEP = {"team": "research", "name": "sft", "channel": CHANNEL}


class Database:
    """A SQLite file whose commits hang, or whose tasks belong to somebody else, when told to."""

    shared = False
    owner = SQLite.owner
    unclean_start = False
    on_topic: Callable[[str | None], object]
    on_lost: Callable[[], object]

    def __init__(self, env: Env) -> None:
        self._sqlite = SQLite(env.folder / "bot.db", unclean_start=False)
        self.held: set[str] = set()
        self.confirms = asyncio.Event()
        self.confirms.set()
        self.lost = False
        self.read, self.publish = self._sqlite.read, self._sqlite.publish
        self.problem, self.shrink = self._sqlite.problem, self._sqlite.shrink
        self.close = self._sqlite.close

    async def write(self, units: Sequence[Unit]) -> None:
        await self._sqlite.write(units)
        if any(isinstance(change, Enqueue) for unit in units for change in unit.changes):
            await self.confirms.wait()  # as on a slow disk

    async def hold_lease(self, owner: str) -> None:
        if self.lost:
            raise LeaseLostError(owner)


@asynccontextmanager
async def running(env: Env) -> AsyncIterator[Database]:
    """Run a bot with such a database."""
    async with open_store(env.url):
        pass
    async with connections(env.settings()) as out, AsyncExitStack() as stack:
        database = Database(env)
        stack.push_async_callback(database.close)
        store = Store(database)
        stack.push_async_callback(store.close, 3)
        env.bot = bot = Bot(env.settings(), out, store, Tuning())
        await bot.listen(stack)
        env.slack.bot_url = bot.url
        serving = asyncio.create_task(bot.serve())
        async with asyncio.timeout(20):
            await bot.health.ready()
        yield database
        await bot.drain()
        serving.cancel()


async def test_a_commit_that_hangs_might_have_been_done_and_a_waiting_one_was_not(
    idle_env: Env,
) -> None:
    async with running(idle_env) as database:
        database.confirms.clear()
        began = time.monotonic()
        sent = await idle_env.slack.command("research one")
        withdrawn = await idle_env.slack.command("research two")
        assert time.monotonic() - began < 5
        assert "I might have taken this; you'll hear from me if I did" in sent.body["text"]
        assert "Nothing was" in withdrawn.body["text"]
        assert idle_env.baseten.upserts == []
        database.confirms.set()
        await idle_env.answered()
        await until_ended(idle_env)
    assert [" one " in message.text for message in idle_env.slack.messages] == [True]


async def test_a_task_that_another_process_has_is_not_posted(idle_env: Env) -> None:
    async with running(idle_env) as database:
        database.lost = True
        with capture_logs() as lines:
            await idle_env.slack.command("research sft")
            await idle_env.baseten.until(lambda: bool(idle_env.baseten.upserts))
            async with asyncio.timeout(20):
                while "another process owns this task" not in [line["event"] for line in lines]:
                    await asyncio.sleep(0.01)
    assert POST not in [request.path for request in idle_env.slack.requests]
    assert (idle_env.slack.messages, idle_env.slack.ephemerals) == ([], [])


async def test_a_step_that_is_not_on_disk_is_not_acked_and_comes_again(idle_env: Env) -> None:
    async with running(idle_env) as database:
        database.confirms.clear()
        delivery = await idle_env.slack.function_executed("open_training_project", STEP)
        assert delivery.status == 503
        assert idle_env.slack.completions == []
        database.confirms.set()
        await idle_env.slack.until(lambda: len(idle_env.slack.completions) == 1)
    assert idle_env.slack.completions[0].error is None


async def test_a_step_that_slack_will_not_repeat_fails_in_words(idle_env: Env) -> None:
    async with running(idle_env) as database:
        database.confirms.clear()
        step = await idle_env.slack.function_executed("open_training_project", STEP, retries=3)
        assert step.status == 200
        await idle_env.slack.until(lambda: len(idle_env.slack.completions) == 1)
        assert "Saving your request took too long" in (idle_env.slack.completions[0].error or "")
        database.confirms.set()


async def test_a_dialog_that_failed_can_be_changed_and_submitted_again(idle_env: Env) -> None:
    async with running(idle_env) as database:
        await idle_env.slack.command("research")
        view = await dialog(idle_env)
        chose = chosen(RESEARCH)
        database.confirms.clear()
        first = await idle_env.slack.submit(view, chose | typed("name", "first"))
        assert "Saving this took too long" in str(first.body)
        other = await idle_env.slack.submit(view, chose | typed("name", "other"))
        assert "I can't save requests right now" in str(other.body)
        database.confirms.set()
        await idle_env.slack.submit(view, chose | typed("name", "second"))
        await idle_env.answered(2)
    said = str([message.text for message in idle_env.slack.messages])
    assert [name in said for name in (" first ", " other ", " second ")] == [True, False, True]
