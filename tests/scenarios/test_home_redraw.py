"""The home tab after an act: published once the act is known, and only if there is room."""

import asyncio

from bot.durable.database import open_store
from bot.handlers.show_project import SHOW_PROJECT
from bot.sandbox import Drop, Hold
from bot.watches.store import WATCHES
from bot.wiring import Tuning
from tests.conftest import Env
from tests.documents import documents_of
from tests.scenarios.tasks import until_ended
from tests.scenarios.test_home import home, press, published, until
from tests.scenarios.test_job_list import LIST, add

POST = "/api/chat.postMessage"


async def test_a_message_in_doubt_redraws_the_tab_once_when_it_is_given_up(idle_env: Env) -> None:
    env = idle_env
    add(env, "sft")
    async with env.running(Tuning(looks=(0.05, 0.05))):
        view = await home(env)
        before = published(env)
        env.slack.faults.next(POST, Drop(after=True))
        await press(env, view, "watch_job")
        await until_ended(env, SHOW_PROJECT)
        await env.bot.drain()
        assert "may or may not be in your direct messages" in env.slack.messages[-1].text
        assert published(env) == before + 1


async def test_without_room_for_the_redraw_an_act_still_ends_once(idle_env: Env) -> None:
    env, listed = idle_env, asyncio.Event()
    add(env, "sft")
    async with env.running(Tuning(most_work=1)):
        view = await home(env)
        before = published(env)
        env.baseten.faults.next(LIST, Hold(listed))
        asked = len(env.baseten.requests)
        await env.slack.command("research", command="/training-jobs")
        await env.baseten.until(lambda: LIST in [r.path for r in env.baseten.requests[asked:]])
        await press(env, view, "watch_job")
        await until_ended(env, SHOW_PROJECT)
        assert published(env) == before
        listed.set()
    assert len(env.slack.messages) == 1


async def test_an_ended_watch_whose_news_are_not_delivered_is_no_watch(idle_env: Env) -> None:
    env = idle_env
    add(env, "sft")
    async with open_store(env.url) as store, env.running_on(store):
        view = await home(env)
        await press(env, view, "watch_job")
        await until(env, view, "watched by you")
        (key,) = await documents_of(store, WATCHES)
        await store.amend(WATCHES, key, lambda kept: (kept or {}) | {"ended": True})
        await home(env)
        await until(env, view, "watched by you", gone=True)
        assert "watch_job" in str(view.blocks)
