"""Each answer of Slack over the wire: executed, not executed, refused or unknown."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver
from pydantic import AnyHttpUrl
from slack_sdk.web.async_client import AsyncWebClient

from bot.connections import Connections, connections
from bot.sandbox import Drop, Garble, Hang, Respond, SandboxSlack, refusals
from bot.sandbox.faults import Fault
from bot.slack.message import SlackCallFailed
from bot.slack.web_api import ATTEMPTS, CALL_TIMEOUT, call_slack, post_to_response_url
from tests.conftest import Env

POST = "/api/chat.postMessage"
HERE = "C0SANDBOX1"

NOT_TAKEN: list[Fault] = [
    Respond(429, {"ok": False, "error": "ratelimited"}, headers={"Retry-After": "1"}),
    Respond(429, headers={"Retry-After": "soon"}),
    Respond(503, body=b"<html>"),
    refusals.slack_error("service_unavailable"),
    refusals.slack_error("rate_limited"),
]
UNKNOWN: list[Fault] = [
    Respond(500, body=b"oops", headers={"Content-Type": "text/plain"}, after=True),
    Respond(502, body=b"<html>", after=True),
    Respond(504, after=True),
    Respond(408, after=True),
    Respond(202, after=True),
    refusals.slack_error("internal_error", after=True),
    refusals.slack_error("fatal_error", 503, after=True),
    refusals.slack_error("request_timeout", after=True),
    Respond(200, body=b"<html>", after=True),
    Respond(200, body=b"{", headers={"Content-Type": "application/json"}, after=True),
    Respond(200, body=b"\xff\xfe\xff", headers={"Content-Type": "application/json"}, after=True),
    Respond(200, {"ok": False}, after=True),
    Respond(200, [], after=True),
    Drop(after=True),
    Garble(),
]


@dataclass
class Scene:
    """A sandbox of Slack, and the bot's connections to it."""

    slack: SandboxSlack
    out: Connections
    guarded: int = 0

    @property
    def posts(self) -> int:
        return len([request for request in self.slack.requests if request.path == POST])

    def client(self, session: aiohttp.ClientSession, url: str = "") -> AsyncWebClient:
        """Return a client with another session or another address."""
        return AsyncWebClient(
            token=self.slack.bot_token,
            base_url=url or self.slack.api_url,
            session=session,
            retry_handlers=[],
        )

    async def guard(self) -> None:
        self.guarded += 1

    async def post(self, client: AsyncWebClient | None = None, **how: Any) -> None:
        slack = client or self.out.slack
        await call_slack(
            lambda: slack.chat_postMessage(channel=HERE, text="hi"), guard=self.guard, **how
        )

    async def failure(self, **how: Any) -> SlackCallFailed:
        with pytest.raises(SlackCallFailed) as failed:
            await self.post(**how)
        return failed.value

    async def respond(
        self, url: str, session: aiohttp.ClientSession | None = None
    ) -> SlackCallFailed | None:
        try:
            await post_to_response_url(session or self.out.session, url, {"text": "hi"}, self.guard)
        except SlackCallFailed as failed:
            return failed
        return None

    async def response_url(self) -> str:
        self.slack.bot_url = self.slack.url  # any server works
        return (await self.slack.command("x")).response_url


@pytest.fixture(params=[None, 0], ids=["plain", "counted"])
async def scene(idle_env: Env, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """With metrics, a middleware reads each answer first; the outcome must be the same."""
    async with connections(idle_env.settings(metrics_port=request.param)) as out:
        yield Scene(idle_env.slack, out)


@pytest.mark.parametrize("fault", NOT_TAKEN, ids=str)
async def test_a_post_that_was_not_taken_is_repeated(scene: Scene, fault: Fault) -> None:
    scene.slack.faults.next(POST, fault)
    await scene.post()
    assert (scene.posts, scene.guarded, len(scene.slack.messages)) == (2, 2, 1)


@pytest.mark.parametrize("fault", UNKNOWN, ids=str)
async def test_a_post_of_unknown_outcome_is_not_repeated(scene: Scene, fault: Fault) -> None:
    scene.slack.faults.next(POST, fault)
    failed = await scene.failure()
    assert (failed.outcome_unknown, failed.retryable) == (True, False)
    assert (scene.posts, scene.guarded) == (1, 1)
    assert len(scene.slack.messages) == (0 if fault == Garble() else 1)


async def test_an_unknown_outcome_is_kept_after_a_request_that_was_not_taken(scene: Scene) -> None:
    scene.slack.faults.next(POST, Respond(503), Drop(after=True))
    failed = await scene.failure()
    assert failed.outcome_unknown
    assert (scene.posts, len(scene.slack.messages)) == (2, 1)


@pytest.mark.parametrize(("seconds", "told"), [("2", 2.0), ("1e9", 3600.0)])
async def test_a_post_does_not_wait_for_long(scene: Scene, seconds: str, told: float) -> None:
    scene.slack.faults.next(POST, Respond(429, headers={"Retry-After": seconds}))
    failed = await scene.failure()
    assert (failed.error, failed.outcome_unknown, failed.retryable) == ("ratelimited", False, True)
    assert (failed.retry_after, scene.posts) == (told, 1)


async def test_a_slack_that_takes_nothing_is_not_asked_for_ever(scene: Scene) -> None:
    scene.slack.faults.always(POST, Respond(503))
    failed = await scene.failure()
    assert (failed.outcome_unknown, failed.retryable) == (False, True)
    assert 1 < scene.posts <= ATTEMPTS


@pytest.mark.parametrize("status", [200, 400, 404])
async def test_a_refusal_is_final(scene: Scene, status: int) -> None:
    scene.slack.faults.next(POST, refusals.slack_error("is_archived", status))
    failed = await scene.failure(idempotent=True)
    assert (failed.error, failed.outcome_unknown, failed.retryable) == ("is_archived", False, False)
    assert scene.posts == 1


@pytest.mark.parametrize("fault", [*NOT_TAKEN, *UNKNOWN], ids=str)
async def test_an_idempotent_call_is_repeated(scene: Scene, fault: Fault) -> None:
    scene.slack.faults.next(POST, fault)
    await scene.post(idempotent=True)
    assert scene.posts == 2


async def test_an_idempotent_call_does_not_forget_an_unknown_outcome(scene: Scene) -> None:
    scene.slack.faults.next(POST, Respond(500), refusals.slack_error("not_in_channel"))
    failed = await scene.failure(idempotent=True)
    assert (failed.error, failed.outcome_unknown) == ("not_in_channel", True)
    assert (failed.retryable, scene.posts) == (False, 2)


async def test_a_guard_that_raises_lets_nothing_out(scene: Scene) -> None:
    class LostError(ValueError):
        pass

    async def guard() -> None:
        if scene.posts:
            raise LostError

    scene.slack.faults.next(POST, Respond(503))
    with pytest.raises(LostError):
        await call_slack(
            lambda: scene.out.slack.chat_postMessage(channel=HERE, text="hi"), guard=guard
        )
    assert (scene.posts, scene.slack.messages) == (1, [])


async def test_a_refused_connection_is_not_taken(
    scene: Scene, idle_env: Env, closed_port: int
) -> None:
    nowhere = AnyHttpUrl(f"http://127.0.0.1:{closed_port}/")
    async with connections(idle_env.settings(slack_api_url=nowhere)) as out:
        failed = await scene.failure(client=out.slack)
    assert (failed.error, failed.outcome_unknown, failed.retryable) == ("unreachable", False, True)
    assert scene.guarded > 1


async def test_a_name_that_does_not_resolve_is_not_taken(scene: Scene) -> None:
    class NoResolver(AbstractResolver):
        async def resolve(self, *_args: Any, **_how: Any) -> list[Any]:
            raise OSError(-3, "Temporary failure in name resolution")

        async def close(self) -> None:
            pass

    connector = aiohttp.TCPConnector(resolver=NoResolver())
    async with aiohttp.ClientSession(connector=connector) as session:
        client = scene.client(session, "http://slack.invalid/")
        failed = await scene.failure(client=client)
    assert (failed.error, failed.outcome_unknown, failed.retryable) == ("unreachable", False, True)


@pytest.mark.parametrize("busy", [False, True], ids=["request", "connection"])
async def test_a_post_ends_in_time(scene: Scene, *, busy: bool) -> None:
    """The limit holds if Slack does not answer, and if no connection is free."""
    connector, endless = aiohttp.TCPConnector(limit=1), aiohttp.ClientTimeout(total=None)
    scene.slack.faults.always(".*", Hang(after=True))
    async with aiohttp.ClientSession(connector=connector, timeout=endless) as session:
        client = scene.client(session)
        other = asyncio.create_task(client.auth_test()) if busy else None
        if busy:
            await scene.slack.until(lambda: len(scene.slack.requests) == 1)
        failed = await scene.failure(client=client, seconds=1.0)
        if other is not None:
            other.cancel()
    assert (failed.error, failed.outcome_unknown, failed.retryable) == ("TimeoutError", True, False)
    assert (scene.posts, len(scene.slack.messages)) == ((0, 0) if busy else (1, 1))


async def test_without_a_free_connection_nothing_was_sent(scene: Scene) -> None:
    connector, short = aiohttp.TCPConnector(limit=1), aiohttp.ClientTimeout(connect=0.5)
    scene.slack.faults.next("/api/auth.test", Hang())
    async with aiohttp.ClientSession(connector=connector, timeout=short) as session:
        client = scene.client(session)
        other = asyncio.create_task(client.auth_test())
        await scene.slack.until(lambda: len(scene.slack.requests) == 1)
        failed = await scene.failure(client=client)
        other.cancel()
    assert (failed.error, failed.outcome_unknown, failed.retryable) == ("unreachable", False, True)
    ours = scene.out.session.timeout
    assert (ours.connect or 0) < (ours.total or 0) <= CALL_TIMEOUT


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(scene: Scene, status: int) -> None:
    async with SandboxSlack() as elsewhere:
        moved = Respond(status, headers={"Location": f"{elsewhere.url}/api/chat.postMessage"})
        scene.slack.faults.next(POST, moved)
        scene.slack.faults.always("/response/.*", moved)
        failed = await scene.failure()
        url = await scene.response_url()
        refused = await scene.respond(url)
        async with aiohttp.ClientSession() as plain:
            refused_by_itself = await scene.respond(url, plain)
    for error in (failed, refused, refused_by_itself):
        assert error is not None
        assert (error.outcome_unknown, error.retryable) == (False, False)
    assert (elsewhere.requests, scene.posts) == ([], 1)


@pytest.mark.parametrize("header", ["Location", "URI"])  # aiohttp knows both
async def test_a_redirect_within_slack_is_not_followed(scene: Scene, header: str) -> None:
    moved = Respond(307, headers={header: f"{scene.slack.url}/api/chat.delete"})
    scene.slack.faults.next(POST, moved)
    scene.slack.faults.always("/response/.*", moved)
    failed = await scene.failure()
    refused = await scene.respond(await scene.response_url())
    for error in (failed, refused):
        assert error is not None
        assert (error.outcome_unknown, error.retryable) == (False, False)
    assert not [each for each in scene.slack.requests if each.path == "/api/chat.delete"]


@pytest.mark.parametrize("fault", [*NOT_TAKEN, *UNKNOWN], ids=str)
async def test_a_response_url_says_the_same(scene: Scene, fault: Fault) -> None:
    url = await scene.response_url()
    scene.slack.faults.next("/response/.*", fault)
    failed = await scene.respond(url)
    if fault in UNKNOWN:
        assert failed is not None
        assert (failed.outcome_unknown, failed.retryable) == (True, False)
    else:
        assert failed is None
    assert scene.guarded == (1 if failed else 2)
    assert len(scene.slack.ephemerals) == (0 if fault == Garble() else 1)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Respond(404, body=b"used_url"), "used_url"),
        (Respond(404, {"ok": False, "error": "expired_url"}), "expired_url"),
        (Respond(200, {"ok": False, "error": "invalid_blocks"}), "invalid_blocks"),
        (Respond(200, {"ok": True}), None),
    ],
)
async def test_a_response_url_refuses_in_either_way(
    scene: Scene, answer: Respond, error: str | None
) -> None:
    url = await scene.response_url()
    scene.slack.faults.next("/response/.*", answer)
    failed = await scene.respond(url)
    assert (failed and failed.error) == error
    assert failed is None or not (failed.outcome_unknown or failed.retryable)
