"""Two replicas get the clicks on one *Watch* button: one message, one watch."""

import asyncio

from pydantic import SecretStr

from bot.durable.database import open_store
from tests.conftest import Env
from tests.documents import documents_of
from tests.durable.postgres import postgres_programs, postgres_server, postgres_url
from tests.scenarios.test_job_list import add, look
from tests.scenarios.test_show_project import DANA, DM, press

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]  # the fixtures


async def test_clicks_that_reach_two_replicas_post_one_message(
    idle_env: Env, postgres_url: str
) -> None:
    add(idle_env, "sft")
    shared = SecretStr(postgres_url)
    async with (
        idle_env.running(database_url=shared) as one,
        idle_env.running(database_url=shared) as two,
    ):
        listed = await look(idle_env, user=DANA)
        for _ in range(5):
            for bot in (one, two):
                idle_env.slack.bot_url = bot.url
                await press(idle_env, listed, "watch_job")
        await idle_env.hears("I'll keep you posted")
        await asyncio.gather(one.drain(), two.drain())
    (message,) = idle_env.slack.messages
    assert message.channel == DM
    async with open_store(postgres_url) as store:
        assert list(await documents_of(store, "watches")) == [f"{DM}:{message.ts}"]
    posted = [told for told in idle_env.slack.ephemerals if "I'll keep you posted" in told.text]
    assert len(posted) == 1
