"""Slack posts and does not say so: the message stands in the channel once, and nobody is misled."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bot.app import Tuning
from bot.sandbox import Drop, Late, PostedMessage, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.refusals import slack_error
from bot.slack.messages import Place
from tests.conftest import World
from tests.scenarios.crowd import may_read
from tests.scenarios.tasks import (
    CHANNEL,
    HISTORY,
    POST,
    REPLIES,
    USER,
    enqueue,
    get,
    order,
    reopen,
    set_columns,
    until_ended,
)

QUICK = Tuning(looks=(0.1, 0.3))
DOUBT = "may or may not be in the channel"
POSTED_ALL_THE_SAME = [
    slack_error("internal_error", 500, after=True),
    slack_error("fatal_error", after=True),
    Respond(502, body=b"<html>", headers={"Content-Type": "text/html"}, after=True),
    Drop(after=True),
]


def requests(world: World, path: str) -> int:
    return sum(request.path == path for request in world.slack.requests)


@pytest.mark.parametrize("fault", POSTED_ALL_THE_SAME, ids=str)
@pytest.mark.parametrize("reads", [True, False], ids=["looks", "blind"])
@pytest.mark.parametrize("thread", [False, True], ids=["channel", "thread"])
async def test_a_post_that_slack_does_not_confirm_stands_once(
    still: World, fault: Fault, *, reads: bool, thread: bool
) -> None:
    place = Place(USER, CHANNEL)
    if thread:
        still.slack.messages.append(
            PostedMessage(CHANNEL, "1700000000.000100", USER, "look", [], "person")
        )
        place = replace(place, thread_ts="1700000000.000100")
    if reads:
        may_read(still)
    await enqueue(still, order(place=place))
    still.slack.faults.always(POST, fault)  # for every repeat, too
    async with still.running(QUICK):
        await until_ended(still)
    answers = [message for message in still.slack.messages if "*sft*" in message.text]
    assert [message.thread_ts for message in answers] == [place.thread_ts]
    assert requests(still, POST) == 1
    assert requests(still, REPLIES if thread else HISTORY) == 1
    told = [ephemeral.text for ephemeral in still.slack.ephemerals]
    assert [DOUBT in text for text in told] == ([] if reads else [True])


@pytest.mark.parametrize("reads", [True, False], ids=["looks", "blind"])
@pytest.mark.parametrize("post_error", ["restricted_action", ""], ids=["refused", "no member"])
async def test_a_response_url_that_slack_does_not_confirm_posts_once(
    still: World, post_error: str, *, reads: bool
) -> None:
    if reads:
        may_read(still)
    member = bool(post_error)
    still.slack.add_channel(
        "C0PRIVATE1", private=not member, member=member, post_error=post_error or None
    )
    still.slack.faults.next("/response/.*", Respond(500, body=b"oops", after=True))
    async with still.running(QUICK):
        await still.slack.command("research sft", channel="C0PRIVATE1")
        await until_ended(still)
    (answer,) = still.slack.messages
    assert answer.via == "response_url"
    assert [DOUBT in ephemeral.text for ephemeral in still.slack.ephemerals] == [True]


async def test_an_unconfirmed_direct_message_is_not_sent_again(still: World) -> None:
    may_read(still)
    still.slack.add_channel("C0LOCKED01", post_error="restricted_action")
    failing = slack_error("internal_error", 500, after=True)
    still.slack.faults.always(POST, failing, containing=f'"{USER}"')
    async with still.running(QUICK):
        await still.slack.command("research sft", channel="C0LOCKED01", response_url=None)
        await until_ended(still)
    assert [m.channel for m in still.slack.messages] == [f"D{USER[1:]}"]
    assert [DOUBT in ephemeral.text for ephemeral in still.slack.ephemerals] == [True]


async def test_a_message_that_lands_between_two_looks_stands_once(still: World) -> None:
    may_read(still)
    landing = asyncio.Event()
    still.slack.faults.next(POST, Late(slack_error("internal_error", 500), landing))
    async with still.running(QUICK):
        await still.slack.command("research sft")
        await still.slack.until(lambda: requests(still, HISTORY) == 1)
        assert still.slack.messages == []
        landing.set()
        await until_ended(still)
    assert len(still.slack.messages) == 1
    assert (requests(still, POST), requests(still, HISTORY)) == (1, 2)
    assert still.slack.ephemerals == []


async def test_a_post_that_is_absent_at_both_looks_is_posted_again(still: World) -> None:
    may_read(still)
    still.slack.faults.next(POST, slack_error("internal_error", 500))
    async with still.running(QUICK):
        await still.slack.command("research sft")
        await until_ended(still)
    assert len(still.slack.messages) == 1
    assert (requests(still, POST), requests(still, HISTORY)) == (2, 2)
    first, second = [r.json()["client_msg_id"] for r in still.slack.requests if r.path == POST]
    assert first == second
    assert still.slack.ephemerals == []


async def test_a_repeat_is_looked_for_from_the_start(still: World) -> None:
    may_read(still)
    lost = slack_error("internal_error", 500)
    still.slack.faults.next(POST, lost, slack_error("internal_error", 500, after=True))
    async with still.running(QUICK):
        await still.slack.command("research sft")
        await until_ended(still)
    assert len(still.slack.messages) == 1
    assert (requests(still, POST), requests(still, HISTORY)) == (2, 3)


async def test_a_search_that_fails_for_now_is_made_later(still: World) -> None:
    may_read(still)
    still.slack.faults.next(POST, slack_error("internal_error", 500, after=True))
    busy = Respond(429, headers={"Retry-After": "30"})
    still.slack.faults.always(HISTORY, busy)
    await enqueue(still, order())
    with capture_logs() as lines:
        async with still.running(QUICK):
            await still.slack.until(lambda: requests(still, HISTORY) == 1)
    assert "Slack cannot take it now" in [line["event"] for line in lines]
    still.slack.faults.clear()
    set_columns(still, "due_at = 0")
    async with still.running(QUICK):
        await until_ended(still)
    assert len(still.slack.messages) == 1
    assert (await get(still)).error is None


async def test_what_a_kill_left_in_doubt_stays_in_doubt_until_the_search_answers(
    still: World,
) -> None:
    may_read(still)
    await enqueue(still, order())
    async with still.running(QUICK):
        await until_ended(still)
    reopen(still)
    still.slack.faults.next(HISTORY, Respond(429, headers={"Retry-After": "30"}))
    async with still.running(QUICK):
        await still.slack.until(lambda: requests(still, HISTORY) == 1)
    set_columns(still, "due_at = 0")
    async with still.running(QUICK):
        await until_ended(still)
    assert requests(still, HISTORY) == 2
    assert len(still.slack.messages) == 1
