"""What holds for each HTTP request to Slack, over the wire: its host, and the circuits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver
from yarl import URL

from bot.connections import Connections, connections
from bot.sandbox import Respond, SandboxSlack
from bot.slack.message import SlackCallFailed
from bot.slack.outgoing import SlackHostsOnly
from bot.slack.web_api import PAUSED, UNREACHABLE, call_slack, post_to_response_url
from tests.conftest import Env

HERE = "C0SANDBOX1"
POST = "/api/chat.postMessage"


@pytest.fixture
async def out(idle_env: Env) -> AsyncIterator[Connections]:
    async with connections(idle_env.settings()) as out:
        yield out


async def failure(out: Connections, url: str) -> SlackCallFailed:
    with pytest.raises(SlackCallFailed) as failed:
        await post_to_response_url(out.session, url, {"text": "a secret"})
    return failed.value


async def test_a_response_url_of_another_host_gets_nothing(out: Connections) -> None:
    async with SandboxSlack() as elsewhere:
        for url in (f"{elsewhere.url}/response/R1", f"{elsewhere.url}/api/chat.postMessage"):
            failed = await failure(out, url)
            assert failed.error == "an invalid address"
            assert (failed.retryable, failed.outcome_unknown) == (False, False)
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/commands/T1/1/x",
        "https://hooks.slack.com:8443/commands/T1/1/x",
        "https://hooks.slack.com.example.org/commands/T1/1/x",
        "https://example.org/hooks.slack.com",
        "https://slack.com/api/",
        "https://hooks.slack.com@example.org/commands/T1/1/x",
        "https://hooks.slack.com:443@example.org/commands/T1/1/x",
        "https://hooks.slack.com%2f@example.org/commands/T1/1/x",
        "https://hooks.slack.com\\@example.org/commands/T1/1/x",
        "https://hooks.slack.com%00.example.org/commands/T1/1/x",
        "https://evil-hooks.slack.com/commands/T1/1/x",
        "https://hooks.slack.com./commands/T1/1/x",
        "https://[::ffff:127.0.0.1]/commands/T1/1/x",
        "//hooks.slack.com/commands/T1/1/x",
        "https://169.254.169.254/latest/meta-data",
        "ftp://hooks.slack.com/x",
        "file:///etc/passwd",
        "/response/R1",
        "no address",
        "",
        "http://[",
    ],
)
async def test_an_address_that_is_not_slacks_is_refused_for_good(
    out: Connections, url: str
) -> None:
    failed = await failure(out, url)
    assert (failed.retryable, failed.outcome_unknown) == (False, False)


class NoResolver(AbstractResolver):
    """A network without names."""

    async def resolve(self, *_args: Any, **_how: Any) -> list[Any]:
        raise OSError(-3, "Temporary failure in name resolution")

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("host", ["hooks.slack.com", "hooks.slack-gov.com", "HOOKS.slack.com:443"])
async def test_slacks_own_hosts_pass(idle_env: Env, host: str) -> None:
    """Here no name resolves, so the request ends after it has passed."""
    hosts = SlackHostsOnly(URL(idle_env.slack.api_url))
    connector = aiohttp.TCPConnector(resolver=NoResolver())
    async with aiohttp.ClientSession(connector=connector, middlewares=(hosts,)) as session:
        with pytest.raises(SlackCallFailed) as failed:
            await post_to_response_url(session, f"https://{host}/commands/T1/1/x", {"text": "hi"})
    assert failed.value.error == UNREACHABLE


async def open_the_circuit(out: Connections, slack: SandboxSlack, url: str) -> None:
    """Fail with several calls at a time until one is not sent."""
    slack.faults.always(".*", Respond(503))

    async def post() -> str:
        try:
            if url:
                await post_to_response_url(out.session, url, {"text": "hi"})
            else:
                post = partial(out.slack.chat_postMessage, channel=HERE, text="hi")
                await call_slack(post)
        except SlackCallFailed as failed:
            return failed.error
        return ""

    async with asyncio.timeout(30):
        while PAUSED not in await asyncio.gather(*(post() for _ in range(3))):
            pass


@pytest.mark.slow
async def test_the_web_api_pauses_and_response_urls_go_on(idle_env: Env, out: Connections) -> None:
    async with idle_env.running():
        url = (await idle_env.slack.command("help")).response_url
    await open_the_circuit(out, idle_env.slack, "")
    idle_env.slack.faults.clear()
    sent = len(idle_env.slack.requests)
    with pytest.raises(SlackCallFailed) as paused:
        await call_slack(out.slack.auth_test, idempotent=True)
    assert (paused.value.error, paused.value.retryable) == (PAUSED, True)
    assert not paused.value.outcome_unknown
    assert 0 < paused.value.retry_after <= 5
    assert len(idle_env.slack.requests) == sent
    await post_to_response_url(out.session, url, {"text": "hi"})
    async with asyncio.timeout(20):
        while True:  # until the pause is over
            with suppress(SlackCallFailed):
                await call_slack(out.slack.auth_test, idempotent=True)
                break
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_response_urls_pause_and_the_web_api_goes_on(idle_env: Env, out: Connections) -> None:
    await open_the_circuit(out, idle_env.slack, f"{idle_env.slack.url}/response/R1")
    idle_env.slack.faults.clear()
    await call_slack(partial(out.slack.chat_postMessage, channel=HERE, text="hi"))
    assert len(idle_env.slack.messages) == 1


@pytest.mark.slow
@pytest.mark.parametrize("status", [404, 429])
async def test_refusals_never_pause_anything(idle_env: Env, out: Connections, status: int) -> None:
    idle_env.slack.faults.always(POST, Respond(status, headers={"Retry-After": "30"}))
    loop = asyncio.get_running_loop()
    until = loop.time() + 4
    while loop.time() < until:
        with pytest.raises(SlackCallFailed) as refused:
            await call_slack(partial(out.slack.chat_postMessage, channel=HERE, text="hi"))
        assert refused.value.error != PAUSED
    assert len(idle_env.slack.requests) > 50
    await call_slack(out.slack.auth_test)
