"""The proof of the bot's token: the reasons why the start waits for it."""

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.listeners.authorization import Authorization
from bot.sandbox import Respond
from bot.slack.outgoing import SlackPausedError
from tests.conftest import Env


async def test_a_pause_of_the_calls_hides_no_reason(idle_env: Env) -> None:
    slack, told, asked = idle_env.slack, list[str](), 0
    slack.faults.next("/api/auth.test", Respond(503))

    async def pause_second(
        request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        nonlocal asked
        asked += 1
        if asked == 2:  # as after ten failures
            raise SlackPausedError(0.01)
        return await send(request)

    async with aiohttp.ClientSession(middlewares=(pause_second,)) as session:
        client = AsyncWebClient(
            slack.bot_token, base_url=slack.api_url, session=session, retry_handlers=[]
        )
        await Authorization(client, slack.bot_token, told.append).prove()
    assert asked == 3
    assert [why.partition(";")[0] for why in told] == ["status 503"]
