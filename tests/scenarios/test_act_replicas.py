"""Two replicas get the confirmations of two people at once: one job is started."""

import asyncio

from pydantic import SecretStr

from bot.durable.database import open_store
from tests.conftest import Env
from tests.documents import documents_of
from tests.durable.postgres import postgres_programs, postgres_server, postgres_url
from tests.scenarios.acts import DANA, QUICK, RECREATE, SAM, scene, submit

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]  # the fixtures


async def test_two_people_on_two_replicas_start_one_job(idle_env: Env, postgres_url: str) -> None:
    shared = SecretStr(postgres_url)
    async with (
        idle_env.running(QUICK, database_url=shared) as one,
        idle_env.running(QUICK, database_url=shared) as two,
    ):
        it = await scene(idle_env, "FAILED")
        views = [await it.ask("run again", user) for user in (DANA, SAM)]

        async def confirm(url: str, user: str) -> None:
            idle_env.slack.bot_url = url
            await submit(idle_env, views[user == SAM], user)

        await asyncio.gather(confirm(one.url, DANA), confirm(two.url, SAM))
        await it.replied()
        told = await idle_env.told()
        assert "I did nothing" in told or "I started nothing" in told
        await asyncio.gather(one.drain(), two.drain())
    assert (it.calls(RECREATE), it.jobs(), len(it.replies)) == (1, 1, 1)
    async with open_store(postgres_url) as store:
        assert await documents_of(store, "acts on jobs") == {}
