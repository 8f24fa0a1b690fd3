"""Each message arrives once, for every answer of Slack. The poster runs alone, over the wire."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from bot.connections import connections
from bot.sandbox import Drop, Hang, Hold, Late, Respond, SandboxSlack, refusals
from bot.sandbox.faults import Fault
from bot.slack.message import Message, ReplyTarget, SlackCallFailed
from bot.slack.message_id import client_msg_id
from bot.slack.messages import Poster
from bot.views.blocks import section
from tests.conftest import Env

POST, EPHEMERAL, URL = "/api/chat.postMessage", "/api/chat.postEphemeral", "/response/.*"
USER, HERE = "U0SANDBOX1", "C0SANDBOX1"
HELLO = Message("hello", [section("hello")])
UNKNOWN: list[Fault] = [
    Respond(500, after=True),
    Respond(502, after=True),
    Respond(504, after=True),
    refusals.slack_error("internal_error", after=True),
    refusals.slack_error("fatal_error", after=True),
    refusals.slack_error("request_timeout", after=True),
    Respond(200, body=b"<html>", after=True),
    Drop(after=True),
]
LIMIT = Respond(429, headers={"Retry-After": "30"})


class LostError(Exception):
    """The lease is lost."""


@dataclass
class Scene:
    """A sandbox of Slack, and the poster that calls it."""

    slack: SandboxSlack
    poster: Poster

    def sent(self, path: str = POST) -> int:
        return len([request for request in self.slack.requests if request.path.startswith(path)])

    @property
    def shown(self) -> int:
        """The number of messages, for everyone or for one person."""
        return len(self.slack.messages) + len(self.slack.ephemerals)

    async def place(self, channel: str = HERE, *, member: bool = True) -> ReplyTarget:
        self.slack.add_channel(channel, private=not member, member=member)
        self.slack.bot_url = self.slack.url  # any server works: only its response URL is used
        url = (await self.slack.command("x", channel=channel, user=USER)).response_url
        self.slack.requests.clear()
        return ReplyTarget(USER, channel, url)


@pytest.fixture
async def scene(idle_env: Env) -> AsyncIterator[Scene]:
    async with connections(idle_env.settings()) as out:
        yield Scene(idle_env.slack, Poster(out.slack, out.session, out.redactor))


async def failure(post: Awaitable[object]) -> SlackCallFailed:
    with pytest.raises(SlackCallFailed) as failed:
        await post
    return failed.value


# Posts


async def test_a_post_carries_the_same_id_each_time(scene: Scene) -> None:
    place = await scene.place()
    for post_id in ("task:1/post", "task:1/post", "task:2/post", "", ""):
        await scene.poster.post(place, HELLO, post_id)
    first, second, other, one, another = [message.client_msg_id for message in scene.slack.messages]
    assert first == second == client_msg_id("task:1/post")
    assert len({first, other, one, another}) == 4
    assert all(UUID(each or "") for each in (first, other, one, another))
    assert [bool(message.metadata) for message in scene.slack.messages] == [True] * 3 + [False] * 2


@pytest.mark.parametrize("fault", UNKNOWN, ids=str)
@pytest.mark.parametrize("thread_ts", [None, "1700000000.000100"], ids=["channel", "thread"])
async def test_a_post_of_unknown_outcome_is_posted_no_second_time(
    scene: Scene, fault: Fault, thread_ts: str | None
) -> None:
    place = replace(await scene.place(), thread_ts=thread_ts)
    scene.slack.faults.next(POST, fault)
    failed = await failure(scene.poster.post(place, HELLO, "one"))
    assert (failed.outcome_unknown, failed.retryable) == (True, False)
    assert (scene.sent(), scene.shown, scene.sent("/response")) == (1, 1, 0)


@pytest.mark.parametrize("fault", [Respond(500), Drop()], ids=str)
async def test_a_post_that_lands_late_is_found(scene: Scene, fault: Respond | Drop) -> None:
    place, lands = await scene.place(), asyncio.Event()
    scene.slack.scopes = (*scene.slack.scopes, "channels:history")
    since = datetime.now(UTC)
    scene.slack.faults.next(POST, Late(fault, lands))
    failed = await failure(scene.poster.post(place, HELLO, "one"))
    assert failed.outcome_unknown
    assert await scene.poster.find_message_ts(place, "one", since) is None
    lands.set()
    await scene.slack.until(lambda: len(scene.slack.messages) == 1)
    assert await scene.poster.find_message_ts(place, "one", since) == scene.slack.messages[0].ts
    assert (scene.sent(), scene.shown) == (1, 1)


async def test_a_refused_post_goes_the_next_way(scene: Scene) -> None:
    place = await scene.place("C0PRIVATE1", member=False)
    posted = await scene.poster.post(place, HELLO, "one")
    assert (posted.ts, posted.as_member) == ("", False)
    scene.slack.faults.next(URL, Respond(404, body=b"used_url"))
    posted = await scene.poster.post(place, HELLO, "two")
    assert posted.channel_id == "D0SANDBOX1"
    assert [message.via for message in scene.slack.messages] == ["response_url", POST[5:]]


@pytest.mark.parametrize("fault", UNKNOWN, ids=str)
async def test_a_response_url_of_unknown_outcome_is_the_last_way(
    scene: Scene, fault: Fault
) -> None:
    place = await scene.place("C0PRIVATE1", member=False)
    scene.slack.faults.next(URL, fault)
    failed = await failure(scene.poster.post(place, HELLO, "one"))
    assert (failed.outcome_unknown, failed.retryable) == (True, False)
    assert (scene.sent(), scene.sent("/response"), scene.shown) == (1, 1, 1)


async def test_a_channel_that_is_limited_for_a_while_is_left_to_the_caller(scene: Scene) -> None:
    place = await scene.place()
    scene.slack.faults.next(POST, LIMIT)
    failed = await failure(scene.poster.post(place, HELLO, "one"))
    assert (failed.outcome_unknown, failed.retryable, failed.retry_after) == (False, True, 30)
    assert (scene.sent("/response"), scene.shown) == (0, 0)


@pytest.mark.parametrize("attempt", [1, 2])
async def test_a_channel_that_is_limited_for_long_is_answered_by_the_response_url(
    scene: Scene, attempt: int
) -> None:
    place = await scene.place()
    scene.slack.faults.next(POST, Respond(429, headers={"Retry-After": "3600"}))
    for number in range(attempt):
        await scene.poster.post(place, HELLO, f"{number}")
    assert [message.via for message in scene.slack.messages] == ["response_url"] * attempt
    assert scene.sent() == 1


# The guard


@pytest.mark.parametrize("path", ["post", "url", "direct"])
async def test_nothing_is_posted_by_a_process_that_must_not(scene: Scene, path: str) -> None:
    place = await scene.place("C0PRIVATE1", member=path == "post")
    if path == "direct":
        scene.slack.faults.always(URL, Respond(404, body=b"used_url"))
    before = {"post": 0, "url": 1, "direct": 2}[path]
    requests: list[int] = []

    async def guard() -> None:
        requests.append(len(scene.slack.requests))
        if len(requests) > before:
            raise LostError

    with pytest.raises(LostError):
        await scene.poster.post(place, HELLO, "one", guard=guard)
    assert (requests, scene.shown) == (list(range(before + 1)), 0)


@pytest.mark.parametrize("refused", [0, 1, 2])
async def test_nobody_is_told_by_a_process_that_must_not(scene: Scene, refused: int) -> None:
    place = await scene.place()
    for path in (URL, EPHEMERAL)[:refused]:
        scene.slack.faults.always(path, Respond(404))
    calls: list[None] = []

    async def guard() -> None:
        calls.append(None)
        if len(calls) > refused:
            raise LostError

    with pytest.raises(LostError):
        await scene.poster.send_privately(place, HELLO, guard=guard)
    assert (len(calls), scene.shown, len(scene.slack.requests)) == (refused + 1, 0, refused)


async def test_the_guard_runs_after_the_wait_for_the_channel(scene: Scene) -> None:
    place = await scene.place()
    lost = asyncio.Event()
    parked = asyncio.Event()
    answered = asyncio.Event()

    async def guard() -> None:
        if lost.is_set():
            raise LostError

    @asynccontextmanager
    async def park() -> AsyncIterator[None]:
        parked.set()
        yield

    scene.slack.faults.always(POST, Hold(answered))
    async with asyncio.TaskGroup() as posts:
        for number in range(4):
            posts.create_task(scene.poster.post(place, HELLO, f"{number}", guard=guard))
        await scene.slack.until(lambda: scene.sent() == 4)
        fifth = asyncio.create_task(
            scene.poster.post(place, HELLO, "late", guard=guard, parked=park)
        )
        await parked.wait()
        lost.set()
        answered.set()
    with pytest.raises(LostError):
        await fifth
    assert (scene.sent(), scene.shown) == (4, 4)


# Channels


async def test_the_fifth_post_of_a_channel_waits_and_another_channel_does_not(
    scene: Scene,
) -> None:
    place, other = await scene.place(), await scene.place("C0OTHER001")
    waits: list[str] = []

    @asynccontextmanager
    async def park() -> AsyncIterator[None]:
        waits.append("in")
        yield
        waits.append("out")

    scene.slack.faults.always(POST, Hang(), containing=HERE)
    posts = [
        asyncio.create_task(scene.poster.post(place, HELLO, f"{number}", parked=park))
        for number in range(6)
    ]
    await scene.slack.until(lambda: scene.sent() == 4)
    await scene.poster.post(other, HELLO, "other", parked=park)
    assert (scene.sent(), waits) == (5, ["in", "in"])
    scene.slack.faults.clear()
    posts[0].cancel()
    await posts[4]
    await posts[5]
    assert sorted(waits) == ["in", "in", "out", "out"]
    for post in posts:
        post.cancel()
    assert len(scene.slack.messages) == 3


async def test_a_limit_pauses_one_channel_only(scene: Scene) -> None:
    place, other = await scene.place(), await scene.place("C0OTHER001")
    scene.slack.faults.next(POST, Respond(429, headers={"Retry-After": "2"}))
    await failure(scene.poster.post(place, HELLO, "one"))

    @asynccontextmanager
    async def park() -> AsyncIterator[None]:
        yield

    waits = asyncio.create_task(scene.poster.post(place, HELLO, "one", parked=park))
    failed = await failure(scene.poster.post(place, HELLO, "two"))  # holds its slot
    assert (failed.retryable, 1 < failed.retry_after <= 2) == (True, True)
    await scene.poster.post(other, HELLO, "other")
    assert [message.channel for message in scene.slack.messages] == [other.channel_id]
    assert scene.sent() == 2
    await waits
    first, _, last = [request.at for request in scene.slack.requests if request.path == POST]
    assert last - first >= 1.9


# One person


@pytest.mark.parametrize("fault", UNKNOWN, ids=str)
@pytest.mark.parametrize("way", [URL, EPHEMERAL, POST])
async def test_after_an_unknown_outcome_the_message_counts_as_sent(
    scene: Scene, fault: Fault, way: str
) -> None:
    place = await scene.place()
    ways = [URL, EPHEMERAL, POST]
    for earlier in ways[: ways.index(way)]:
        scene.slack.faults.always(earlier, Respond(404))
    scene.slack.faults.next(way, fault)
    with capture_logs() as lines:
        await scene.poster.send_privately(place, HELLO)
    assert "an unknown outcome counts as sent" in [line["event"] for line in lines]
    assert (scene.shown, len(scene.slack.requests)) == (1, ways.index(way) + 1)


async def test_a_way_that_cannot_now_is_followed_by_the_next(scene: Scene) -> None:
    place = await scene.place()
    scene.slack.faults.next(URL, LIMIT)
    scene.slack.faults.next(EPHEMERAL, LIMIT)
    await scene.poster.send_privately(place, HELLO, "one")
    (message,) = scene.slack.messages
    assert (message.channel, message.client_msg_id) == ("D0SANDBOX1", client_msg_id("one"))


async def test_where_no_way_is_left_the_caller_can_try_later(scene: Scene) -> None:
    place = await scene.place()
    scene.slack.faults.always(URL, Respond(404, body=b"used_url"))
    scene.slack.faults.always("/api/chat.*", LIMIT)
    failed = await failure(scene.poster.send_privately(place, HELLO))
    assert (failed.outcome_unknown, failed.retryable, failed.retry_after) == (False, True, 30)


# Messages that already exist


@pytest.mark.parametrize("by", ["metadata", "client_msg_id"])
async def test_a_message_is_found_on_the_last_page(scene: Scene, by: str) -> None:
    place, since = await scene.place(), datetime.now(UTC) - timedelta(seconds=5)
    posted = await scene.poster.post(place, HELLO, "one")
    for _ in range(250):
        await scene.poster.post(place, HELLO)
    message = scene.slack.messages[0]
    if by == "metadata":
        message.client_msg_id = None
    else:
        message.metadata = None
    failed = await failure(scene.poster.find_message_ts(place, "one", since))
    assert (failed.error, failed.outcome_unknown) == ("missing_scope", False)
    scene.slack.scopes = (*scene.slack.scopes, "channels:history")
    assert await scene.poster.find_message_ts(place, "one", since) == posted.ts
    assert await scene.poster.find_message_ts(place, "two", since) is None
    assert scene.sent("/api/conversations.history") == 5


async def test_an_update_of_unknown_outcome_goes_no_other_way(scene: Scene) -> None:
    place = await scene.place()
    posted = await scene.poster.post(place, HELLO, "one")
    scene.slack.faults.always("/api/chat.update", Respond(500))
    failed = await failure(scene.poster.update(place, posted.ts, HELLO))
    assert failed.outcome_unknown
    assert (scene.sent("/response"), scene.shown) == (0, 1)


async def test_a_message_that_is_gone_counts_as_deleted(scene: Scene) -> None:
    place = await scene.place()
    posted = await scene.poster.post(place, HELLO, "one")
    scene.slack.faults.next("/api/chat.delete", Drop(after=True))
    await scene.poster.delete_message(posted)
    assert scene.slack.messages == []
