"""Slack has a bad day: where the answer goes then, and that it never comes twice."""

import pytest
from structlog.testing import capture_logs

from bot.sandbox import Drop, Hang, Respond
from bot.sandbox.faults import Fault
from tests.conftest import Env

POST = "/api/chat.postMessage"


def posts(env: Env) -> int:
    return len([request for request in env.slack.requests if request.path == POST])


async def test_where_the_bot_is_no_member_the_command_is_answered(env: Env) -> None:
    env.slack.add_channel("C0PRIVATE1", private=True, member=False)
    await env.slack.command("research sft", channel="C0PRIVATE1")
    assert "Use `/invite`" in await env.told()
    (message,) = env.slack.messages
    assert message.via == "response_url"
    assert message.channel == "C0PRIVATE1"


async def test_an_invitation_is_asked_for_once_a_channel(http: Env) -> None:
    http.slack.add_channel("C0PRIVATE1", private=True, member=False)
    for count in (1, 2):
        await http.slack.command(f"research sft-{count}", channel="C0PRIVATE1")
        await http.answered(count)
    await http.bot.drain()
    assert len(http.slack.ephemerals) == 1


async def test_nobody_is_asked_to_invite_into_a_conversation_of_two(http: Env) -> None:
    await http.slack.command("research sft", channel="D0SOMEBODY")
    await http.answered()
    await http.bot.drain()
    assert http.slack.ephemerals == []


@pytest.mark.parametrize("error", ["is_archived", "restricted_action", "msg_too_long"])
async def test_a_refused_message_goes_through_the_response_url(http: Env, error: str) -> None:
    http.slack.add_channel("C0LOCKED01", post_error=error)
    await http.slack.command("research sft", channel="C0LOCKED01")
    await http.answered()
    await http.bot.drain()
    assert http.slack.messages[0].via == "response_url"
    assert http.slack.ephemerals == []


@pytest.mark.parametrize(
    "fault",
    [
        Respond(429, json={"ok": False, "error": "ratelimited"}, headers={"Retry-After": "1"}),
        Respond(429, headers={"Retry-After": "soon"}),
        Respond(503, body=b"<html>", headers={"Content-Type": "text/html"}),
    ],
    ids=str,
)
async def test_what_slack_did_not_take_is_sent_again(http: Env, fault: Fault) -> None:
    http.slack.faults.next(POST, fault)
    await http.slack.command("research sft")
    await http.answered()
    await http.bot.drain()
    assert posts(http) == 2
    assert len(http.slack.messages) == 1
    assert http.slack.ephemerals == []


@pytest.mark.parametrize(
    "fault",
    [
        Drop(),
        Drop(after=True),
        Respond(500, json={"ok": False, "error": "internal_error"}, after=True),
        Respond(502, body=b"oops", headers={"Content-Type": "text/plain"}, after=True),
        Respond(200, body=b"<html>", headers={"Content-Type": "text/html"}),
        Respond(200, body=b"{", headers={"Content-Type": "application/json"}),
    ],
    ids=str,
)
async def test_what_may_have_arrived_is_not_sent_again(http: Env, fault: Fault) -> None:
    http.slack.faults.next(POST, fault)
    await http.slack.command("research sft")
    told = await http.told()
    await http.bot.drain()
    assert "may or may not be in the channel" in told
    assert posts(http) == 1
    assert len(http.slack.messages) == (1 if getattr(fault, "after", False) else 0)


async def test_a_long_rate_limit_is_not_waited_for(http: Env) -> None:
    http.slack.faults.always(POST, Respond(429, headers={"Retry-After": "3600"}))
    await http.slack.command("research sft")
    await http.answered()
    assert posts(http) == 1
    assert http.slack.messages[0].via == "response_url"


async def test_a_slack_that_takes_nothing_is_asked_again_later(http: Env) -> None:
    http.slack.faults.always(POST, Respond(503))
    with capture_logs() as lines:
        await http.slack.command("research sft")
        await http.slack.until(lambda: posts(http) >= 2)
        await http.bot.drain()
    assert "a Slack call failed; the task is rescheduled" in [line["event"] for line in lines]
    assert (http.slack.messages, http.slack.ephemerals) == ([], [])


async def test_without_a_response_url_the_person_is_told_in_the_channel(http: Env) -> None:
    await http.slack.command("nowhere sft", response_url=None)
    await http.told()
    assert http.slack.ephemerals[0].via == "chat.postEphemeral"


async def test_where_nothing_else_works_the_person_gets_a_direct_message(http: Env) -> None:
    http.slack.faults.always("/response/.*", Respond(404, body=b"used_url"))
    refusal = Respond(200, json={"ok": False, "error": "user_not_in_channel"})
    http.slack.faults.always("/api/chat.postEphemeral", refusal)
    await http.slack.command("nowhere sft")
    await http.answered()
    assert http.slack.messages[0].channel.startswith(("U", "D"))
    assert "There's no team called" in http.slack.messages[0].text


async def test_a_person_whom_nothing_reaches_is_in_the_log(http: Env) -> None:
    http.slack.faults.always("/response/.*|/api/chat.*", Respond(404))
    with capture_logs() as lines:
        await http.slack.command("nowhere sft")
        await http.slack.until(lambda: posts(http) == 1)
        await http.bot.drain()
    (line,) = [line for line in lines if line["event"] == "cannot send a private message"]
    assert line["user"] == "U0SANDBOX1"


@pytest.mark.slow
async def test_a_hanging_slack_does_not_hold_the_next_ack(http: Env) -> None:
    http.slack.faults.next(POST, Hang())
    await http.slack.command("research one")
    await http.slack.command("research two")
    await http.answered()
    assert " two " in http.slack.messages[0].text
