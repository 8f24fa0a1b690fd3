"""Slack posts and does not say so: the message stands in the channel once, and nobody is misled."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bot.sandbox import Drop, Late, PostedMessage, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.refusals import slack_error
from bot.slack.message import ReplyTarget
from bot.wiring import Tuning
from tests.conftest import Env
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


def requests(env: Env, path: str) -> int:
    return sum(request.path == path for request in env.slack.requests)


@pytest.mark.parametrize("fault", POSTED_ALL_THE_SAME, ids=str)
@pytest.mark.parametrize("reads", [True, False], ids=["looks", "blind"])
@pytest.mark.parametrize("thread", [False, True], ids=["channel", "thread"])
async def test_a_post_that_slack_does_not_confirm_stands_once(
    idle_env: Env, fault: Fault, *, reads: bool, thread: bool
) -> None:
    place = ReplyTarget(USER, CHANNEL)
    if thread:
        idle_env.slack.messages.append(
            PostedMessage(CHANNEL, "1700000000.000100", USER, "look", [], "person")
        )
        place = replace(place, thread_ts="1700000000.000100")
    if reads:
        may_read(idle_env)
    await enqueue(idle_env, order(place=place))
    idle_env.slack.faults.always(POST, fault)  # for every repeat, too
    async with idle_env.running(QUICK):
        await until_ended(idle_env)
    answers = [message for message in idle_env.slack.messages if " sft " in message.text]
    assert [message.thread_ts for message in answers] == [place.thread_ts]
    assert requests(idle_env, POST) == 1
    assert requests(idle_env, REPLIES if thread else HISTORY) == 1
    told = [ephemeral.text for ephemeral in idle_env.slack.ephemerals]
    assert [DOUBT in text for text in told] == ([] if reads else [True])


@pytest.mark.parametrize("reads", [True, False], ids=["looks", "blind"])
@pytest.mark.parametrize("post_error", ["restricted_action", ""], ids=["refused", "no member"])
async def test_a_response_url_that_slack_does_not_confirm_posts_once(
    idle_env: Env, post_error: str, *, reads: bool
) -> None:
    if reads:
        may_read(idle_env)
    member = bool(post_error)
    idle_env.slack.add_channel(
        "C0PRIVATE1", private=not member, member=member, post_error=post_error or None
    )
    idle_env.slack.faults.next("/response/.*", Respond(500, body=b"oops", after=True))
    async with idle_env.running(QUICK):
        await idle_env.slack.command("research sft", channel="C0PRIVATE1")
        await until_ended(idle_env)
    (answer,) = idle_env.slack.messages
    assert answer.via == "response_url"
    assert [DOUBT in ephemeral.text for ephemeral in idle_env.slack.ephemerals] == [True]


async def test_an_unconfirmed_direct_message_is_not_sent_again(idle_env: Env) -> None:
    may_read(idle_env)
    idle_env.slack.add_channel("C0LOCKED01", post_error="restricted_action")
    failing = slack_error("internal_error", 500, after=True)
    idle_env.slack.faults.always(POST, failing, containing=f'"{USER}"')
    async with idle_env.running(QUICK):
        await idle_env.slack.command("research sft", channel="C0LOCKED01", response_url=None)
        await until_ended(idle_env)
    assert [m.channel for m in idle_env.slack.messages] == [f"D{USER[1:]}"]
    assert [DOUBT in ephemeral.text for ephemeral in idle_env.slack.ephemerals] == [True]


async def test_a_message_that_lands_between_two_looks_stands_once(idle_env: Env) -> None:
    may_read(idle_env)
    landing = asyncio.Event()
    idle_env.slack.faults.next(POST, Late(slack_error("internal_error", 500), landing))
    async with idle_env.running(QUICK):
        await idle_env.slack.command("research sft")
        await idle_env.slack.until(lambda: requests(idle_env, HISTORY) == 1)
        assert idle_env.slack.messages == []
        landing.set()
        await until_ended(idle_env)
    assert len(idle_env.slack.messages) == 1
    assert (requests(idle_env, POST), requests(idle_env, HISTORY)) == (1, 2)
    assert idle_env.slack.ephemerals == []


async def test_a_post_that_is_absent_at_both_looks_is_posted_again(idle_env: Env) -> None:
    may_read(idle_env)
    idle_env.slack.faults.next(POST, slack_error("internal_error", 500))
    async with idle_env.running(QUICK):
        await idle_env.slack.command("research sft")
        await until_ended(idle_env)
    assert len(idle_env.slack.messages) == 1
    assert (requests(idle_env, POST), requests(idle_env, HISTORY)) == (2, 2)
    first, second = [r.json()["client_msg_id"] for r in idle_env.slack.requests if r.path == POST]
    assert first == second
    assert idle_env.slack.ephemerals == []


async def test_a_repeat_is_looked_for_from_the_start(idle_env: Env) -> None:
    may_read(idle_env)
    lost = slack_error("internal_error", 500)
    idle_env.slack.faults.next(POST, lost, slack_error("internal_error", 500, after=True))
    async with idle_env.running(QUICK):
        await idle_env.slack.command("research sft")
        await until_ended(idle_env)
    assert len(idle_env.slack.messages) == 1
    assert (requests(idle_env, POST), requests(idle_env, HISTORY)) == (2, 3)


@pytest.mark.parametrize(
    "fault", [Respond(429, headers={"Retry-After": "30"}), slack_error("accesslimited")], ids=str
)
async def test_a_search_that_fails_for_now_is_made_later(idle_env: Env, fault: Fault) -> None:
    may_read(idle_env)
    idle_env.slack.faults.next(POST, slack_error("internal_error", 500, after=True))
    idle_env.slack.faults.always(HISTORY, fault)
    await enqueue(idle_env, order())
    with capture_logs() as lines:
        async with idle_env.running(QUICK):
            await idle_env.slack.until(lambda: requests(idle_env, HISTORY) == 1)
    assert "a Slack call failed; the task is rescheduled" in [line["event"] for line in lines]
    idle_env.slack.faults.clear()
    set_columns(idle_env, "due_at = 0")
    async with idle_env.running(QUICK):
        await until_ended(idle_env)
    assert len(idle_env.slack.messages) == 1
    assert (await get(idle_env)).error is None


async def test_what_a_kill_left_in_doubt_stays_in_doubt_until_the_search_answers(
    idle_env: Env,
) -> None:
    may_read(idle_env)
    await enqueue(idle_env, order())
    async with idle_env.running(QUICK):
        await until_ended(idle_env)
    reopen(idle_env)
    idle_env.slack.faults.next(HISTORY, Respond(429, headers={"Retry-After": "30"}))
    async with idle_env.running(QUICK):
        await idle_env.slack.until(lambda: requests(idle_env, HISTORY) == 1)
    set_columns(idle_env, "due_at = 0")
    async with idle_env.running(QUICK):
        await until_ended(idle_env)
    assert requests(idle_env, HISTORY) == 2
    assert len(idle_env.slack.messages) == 1
