"""The socket to Slack breaks, is refused, or stays away."""

import asyncio
from typing import Any

import pytest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import Delay, Respond
from bot.server.http import Health
from bot.server.socket_mode import Pace, SocketDownError, SocketMode
from tests.conftest import World, over_a_socket


async def nothing(_body: dict[str, Any]) -> BoltResponse:
    return BoltResponse(status=200)


def socket_of(
    world: World, health: Health, *, app_token: str | None = None, patience: float = 30
) -> SocketMode:
    """A socket on its own, less patient than a real one."""
    client = AsyncWebClient(base_url=world.slack.api_url, retry_handlers=[])
    token = app_token or world.slack.app_token
    return SocketMode(token, client, nothing, health, Pace(ping=0.1, patience=patience))


@pytest.mark.slow
@pytest.mark.parametrize("politely", [True, False])
async def test_it_reconnects_and_works_again(still: World, *, politely: bool) -> None:
    async with over_a_socket(still):
        await still.slack.disconnect_sockets(politely=politely)
        await still.slack.until(lambda: opened(still) == 2 and still.slack.sockets == 1, 20)
        await still.slack.command("research back")
        await still.answered()
    assert len(still.slack.messages) == 1


def opened(world: World) -> int:
    return len([r for r in world.slack.requests if r.path == "/api/apps.connections.open"])


async def test_what_was_accepted_is_finished_after_the_socket_is_closed(still: World) -> None:
    still.baseten.faults.next("/v1/teams", Delay(0.5))
    async with over_a_socket(still):
        await still.slack.command("research last")
    assert still.slack.sockets == 0
    assert ["*last*" in message.text for message in still.slack.messages] == [True]


async def test_readiness_follows_the_socket(still: World) -> None:
    health = Health()
    socket = socket_of(still, health)
    assert "not connected" in health.reasons()["socket"]
    keeping = asyncio.create_task(socket.keep_open())
    await health.ready()
    still.slack.faults.always("/api/apps.connections.open", Respond(503))
    await still.slack.disconnect_sockets(politely=False)
    async with asyncio.timeout(10):
        while not health.reasons():
            await asyncio.sleep(0)
    still.slack.faults.clear()
    async with asyncio.timeout(10):
        await health.ready()
    keeping.cancel()
    await socket.close()


async def test_a_socket_that_stays_down_is_an_end(still: World) -> None:
    still.slack.faults.always("/api/apps.connections.open", Respond(503))
    socket = socket_of(still, Health(), patience=0.6)
    with pytest.raises(SocketDownError, match=r"down for 0\.6 seconds"):
        await socket.keep_open()
    await socket.close()


async def test_a_refused_token_is_an_end(still: World) -> None:
    socket = socket_of(still, Health(), app_token="xapp-wrong")
    with pytest.raises(SocketDownError, match=r"refuses SLACK_APP_TOKEN \(invalid_auth\)"):
        await socket.keep_open()
    await socket.close()
