"""A stop that comes while the watch begins: the message shows it, and the store does not have it.

A watch is drawn before it is saved, because the update proves that the bot can change the message.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from bot.access.rules import Actor, Verb
from bot.durable.database import open_store
from bot.durable.model import Enqueue, State
from bot.durable.sqlite import SQLite
from bot.durable.store import Store
from bot.handlers.watch import STOP_FOR_EVERYONE, STOP_WATCH, WATCH_MESSAGE
from bot.sandbox import Hold, PostedMessage
from bot.watches.store import WATCHES
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.documents import documents_of
from tests.scenarios.tasks import until_ended

DANA, KIM = "U0SANDBOX1", "U0KIM00001"
EARLY = "I didn't stop the watch of *sft*: it began after your click."


class Overtaken(Store):
    """A store in which the watch is saved just after a stop has not found it."""

    def __init__(self, database: SQLite) -> None:
        super().__init__(database)
        self.drawn = asyncio.Event()  # lets the start of the watch go on
        self.armed = False

    async def read(self, collection: str, key: str) -> State | None:
        found = await super().read(collection, key)
        if self.armed and collection == WATCHES and found is None:
            self.armed = False
            self.drawn.set()
            async with asyncio.timeout(10):
                while await super().read(collection, key) is None:
                    await asyncio.sleep(0.01)
        return found

    @contextmanager
    def overtaking(self) -> Iterator[None]:
        """Let the next read of a watch come too early."""
        self.armed = True
        yield
        assert not self.armed


def only_dana(actor: Actor, verb: Verb, team: str) -> bool:  # noqa: ARG001 - the protocol
    return actor.id == DANA


@asynccontextmanager
async def drawn(env: Env) -> AsyncIterator[tuple[PostedMessage, Overtaken]]:
    """Run a bot whose watch is drawn in a message, and not saved."""
    env.baseten.add_job(env.baseten.add_project(RESEARCH, "sft")["id"])
    async with open_store(env.url):
        pass
    database = SQLite(env.folder / "bot.db", unclean_start=False)
    store = Overtaken(database)
    try:
        async with env.running_on(store, Tuning(allows=only_dana)):
            await env.slack.command("research sft", user=DANA)
            await env.answered()
            await until_ended(env)
            (message,) = env.slack.messages
            env.slack.faults.next("/api/chat.update", Hold(store.drawn))
            await env.slack.action(message, "watch", user=DANA)
            await env.slack.until(lambda: "stop_watching" in str(message.blocks))
            yield message, store
            await until_ended(env, WATCH_MESSAGE)
            assert "stop_watching" in str(message.blocks)
            (watch,) = (await documents_of(store, WATCHES)).values()
            assert watch["watchers"] == [DANA]
    finally:
        await store.close(3)
        await database.close()


async def test_an_early_stop_is_told_that_it_did_nothing(idle_env: Env) -> None:
    async with drawn(idle_env) as (message, store):
        with store.overtaking():
            await idle_env.slack.action(message, "stop_watching", user=DANA)
            assert EARLY in await idle_env.told()
            await until_ended(idle_env, STOP_WATCH)


async def test_an_early_stop_without_the_right_is_refused_in_words(idle_env: Env) -> None:
    async with drawn(idle_env) as (message, store):
        with store.overtaking():
            await idle_env.slack.action(message, "stop_watching", user=KIM)
            assert "no project here that you can use" in await idle_env.told()
            await until_ended(idle_env, STOP_WATCH)


async def test_an_early_stop_for_everyone_is_told_that_it_did_nothing(idle_env: Env) -> None:
    async with drawn(idle_env) as (message, store):
        state = {
            "place": {"user_id": DANA, "channel_id": message.channel},
            "ts": message.ts,
            "message_state": state_of(message),
        }
        with store.overtaking():  # as the dialog of an earlier watch leaves it
            await store.write(Enqueue("stop_all/1:1", STOP_FOR_EVERYONE, state, "commands"))
            store.publish("commands")
            assert EARLY in await idle_env.told()
            await until_ended(idle_env, STOP_FOR_EVERYONE)


def state_of(message: PostedMessage) -> State:
    """Return the state that the message's buttons carry."""
    (row,) = [block for block in message.blocks if block["type"] == "actions"]
    state: State = json.loads(row["elements"][0]["value"])
    return state
