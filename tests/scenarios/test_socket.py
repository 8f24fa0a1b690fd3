"""The socket to Slack breaks, is refused, or stays away."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import Delay, Respond
from bot.server.health import Health
from bot.server.socket_mode import SocketDownError, SocketMode, SocketTiming
from tests.conftest import Env, over_a_socket
from tests.payloads import read_payloads


async def nothing(_body: dict[str, Any], _retries: int) -> BoltResponse:
    return BoltResponse(status=200)


def socket_of(
    env: Env, health: Health, *, app_token: str | None = None, longest_outage: float = 30
) -> SocketMode:
    """A socket on its own, less patient than a real one."""
    client = AsyncWebClient(base_url=env.slack.api_url, retry_handlers=[])
    token = app_token or env.slack.app_token
    return SocketMode(token, client, nothing, health, SocketTiming(0.1, longest_outage))


@pytest.mark.slow
@pytest.mark.parametrize("politely", [True, False])
async def test_it_reconnects_and_works_again(idle_env: Env, *, politely: bool) -> None:
    async with over_a_socket(idle_env):
        await idle_env.slack.disconnect_sockets(politely=politely)
        await idle_env.slack.until(
            lambda: opened(idle_env) == 2 and idle_env.slack.sockets == 1, 20
        )
        await idle_env.slack.command("research back")
        await idle_env.answered()
    assert len(idle_env.slack.messages) == 1


def opened(env: Env) -> int:
    return len([r for r in env.slack.requests if r.path == "/api/apps.connections.open"])


async def test_what_was_accepted_is_finished_after_the_socket_is_closed(idle_env: Env) -> None:
    idle_env.baseten.faults.next("/v1/teams", Delay(0.5))
    async with over_a_socket(idle_env):
        await idle_env.slack.command("research last")
    assert idle_env.slack.sockets == 0
    assert [" last " in message.text for message in idle_env.slack.messages] == [True]


@pytest.mark.parametrize("name", ["command", "step", "submission", "use_existing", "watch"])
async def test_a_request_that_slack_delivers_again_acts_once(idle_env: Env, name: str) -> None:
    kind, payload = read_payloads()[name]
    if "response_url" in payload:
        payload["response_url"] = f"{idle_env.slack.url}/response/R1"
    async with over_a_socket(idle_env):
        for retries in range(3):
            await idle_env.slack.deliver(kind, payload, retries)
        await idle_env.bot.drain()
    with closing(sqlite3.connect(idle_env.folder / "bot.db")) as database:
        ours = "SELECT count(*) FROM training_bot_tasks WHERE kind GLOB '*/*'"
        assert database.execute(ours).fetchone() == (1,)
    assert len(idle_env.baseten.upserts) <= 1


async def test_readiness_follows_the_socket(idle_env: Env) -> None:
    health = Health()
    socket = socket_of(idle_env, health)
    assert "not connected" in health.reasons()["socket"]
    keeping = asyncio.create_task(socket.keep_open())
    await health.ready()
    idle_env.slack.faults.always("/api/apps.connections.open", Respond(503))
    await idle_env.slack.disconnect_sockets(politely=False)
    async with asyncio.timeout(20):
        while not health.reasons():
            await asyncio.sleep(0)
    idle_env.slack.faults.clear()
    async with asyncio.timeout(20):
        await health.ready()
    keeping.cancel()
    await socket.close()


async def test_a_socket_that_stays_down_is_an_end(idle_env: Env) -> None:
    idle_env.slack.faults.always("/api/apps.connections.open", Respond(503))
    socket = socket_of(idle_env, Health(), longest_outage=0.6)
    with pytest.raises(SocketDownError, match=r"down for 0\.6 seconds"):
        await socket.keep_open()
    await socket.close()


async def test_a_refused_token_is_an_end(idle_env: Env) -> None:
    socket = socket_of(idle_env, Health(), app_token="xapp-wrong")
    with pytest.raises(SocketDownError, match=r"refuses SLACK_APP_TOKEN \(invalid_auth\)"):
        await socket.keep_open()
    await socket.close()
