"""A Slack and a Baseten on loopback, a clock, and the official clients."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import Clock, SandboxBaseten, SandboxSlack

from .bolt import Way, over_a_socket, over_http
from .listeners import Listeners


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[SandboxSlack]:
    async with SandboxSlack(now=clock) as slack:
        yield slack


@pytest.fixture
async def baseten(clock: Clock) -> AsyncIterator[SandboxBaseten]:
    async with SandboxBaseten(now=clock) as baseten:
        yield baseten


@pytest.fixture
def web(slack: SandboxSlack) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        yield http


@pytest.fixture
async def api(baseten: SandboxBaseten) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Api-Key {baseten.api_key}"}
    async with httpx.AsyncClient(
        base_url=baseten.url, headers=headers, trust_env=False, timeout=5
    ) as api:
        yield api


@pytest.fixture(params=[over_http, over_a_socket])
async def seen(
    slack: SandboxSlack, request: pytest.FixtureRequest
) -> AsyncIterator[dict[str, Any]]:
    """The payloads that the bot's listeners got, by kind, while the bot runs."""
    way: Way = request.param
    listeners = Listeners()
    async with way(slack, listeners.register):
        yield listeners.seen
