"""Threads: reading them, also after their first message is deleted."""

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import Clock, SandboxSlack
from bot.sandbox.faults import Json
from tests.sandbox.shown import HERE, error_of

METADATA = {"event_type": "project", "event_payload": {"work": "x"}}


@pytest.fixture(autouse=True)
def may_read(slack: SandboxSlack) -> None:
    slack.scopes = (*slack.scopes, "channels:history")


async def thread(web: AsyncWebClient, clock: Clock, *, of: int = 2) -> list[str]:
    """Post a message and replies to it; their stamps."""
    stamps: list[str] = []
    for number in range(of + 1):
        clock.advance(1)
        posted = await web.chat_postMessage(
            channel=HERE,
            text=str(number),
            metadata=METADATA,
            thread_ts=stamps[0] if stamps else None,
        )
        stamps.append(posted["ts"])
    return stamps


async def texts(web: AsyncWebClient, ts: str, **query: Json) -> list[str]:
    answer = await web.conversations_replies(channel=HERE, ts=ts, **query)
    return [message["text"] for message in answer["messages"]]


async def test_a_thread_is_read_from_its_message_on(web: AsyncWebClient, clock: Clock) -> None:
    stamps = await thread(web, clock)
    await web.chat_postMessage(channel=HERE, text="elsewhere")
    assert await texts(web, stamps[0]) == ["0", "1", "2"]
    assert await texts(web, stamps[0], oldest=stamps[1]) == ["0", "2"]
    assert await texts(web, stamps[0], oldest=stamps[1], inclusive=True) == ["0", "1", "2"]
    assert await texts(web, stamps[1]) == ["1"]
    parent, first, _ = (await web.conversations_replies(channel=HERE, ts=stamps[0]))["messages"]
    assert (parent["reply_count"], parent["latest_reply"]) == (2, stamps[2])
    assert first["thread_ts"] == parent["thread_ts"] == stamps[0]


async def test_metadata_comes_on_demand_and_outlives_a_change(
    web: AsyncWebClient, clock: Clock
) -> None:
    stamps = await thread(web, clock)
    await web.chat_update(channel=HERE, ts=stamps[1], text="changed")
    plain = await web.conversations_replies(channel=HERE, ts=stamps[0])
    full = await web.conversations_replies(channel=HERE, ts=stamps[0], include_all_metadata=True)
    assert all("metadata" not in message for message in plain["messages"])
    assert [message["metadata"] for message in full["messages"]] == [METADATA] * 3
    assert full["messages"][1]["text"] == "changed"


async def test_a_long_thread_comes_in_pages_and_so_does_a_channel(
    web: AsyncWebClient, clock: Clock
) -> None:
    stamps = await thread(web, clock, of=4)
    await thread(web, clock, of=0)
    pages: list[list[str]] = []
    for cursor in (None, "next:2", "next:4"):
        answer = await web.conversations_replies(channel=HERE, ts=stamps[0], limit=2, cursor=cursor)
        pages.append([message["text"] for message in answer["messages"]])
        assert answer["has_more"] == (cursor != "next:4")
    assert pages == [["0", "1"], ["2", "3"], ["4"]]
    first = await web.conversations_history(channel=HERE, limit=1)
    cursor = first["response_metadata"]["next_cursor"]
    (last,) = (await web.conversations_history(channel=HERE, limit=1, cursor=cursor))["messages"]
    assert last["ts"] == stamps[0]
    wrong = web.conversations_history(channel=HERE, cursor="x")
    assert await error_of(wrong) == "invalid_cursor"
    wrong = web.conversations_history(channel=HERE, limit=1000)
    assert await error_of(wrong) == "invalid_limit"


async def test_what_the_bot_may_not_read(
    web: AsyncWebClient, slack: SandboxSlack, clock: Clock
) -> None:
    (ts,) = await thread(web, clock, of=0)
    slack.add_channel("C1", member=False)
    slack.add_channel("C2", member=False, private=True)
    refusals = [
        await error_of(web.conversations_replies(channel=channel, ts=stamp))
        for channel, stamp in ((HERE, "1.0"), ("C1", ts), ("C2", ts))
    ]
    assert refusals == ["thread_not_found", "not_in_channel", "channel_not_found"]
    slack.scopes = ("chat:write",)
    assert await error_of(web.conversations_replies(channel=HERE, ts=ts)) == "missing_scope"


async def test_a_reply_to_a_deleted_message_lands_in_the_channel_and_its_answer_tells(
    web: AsyncWebClient, slack: SandboxSlack, clock: Clock
) -> None:
    (ts,) = await thread(web, clock, of=0)
    (message,) = slack.messages
    slack.delete(message)
    assert (slack.messages, slack.deleted) == ([], [message])
    posted = await web.chat_postMessage(channel=HERE, text="late", thread_ts=ts)
    assert "thread_ts" not in posted["message"]
    assert [late.thread_ts for late in slack.messages] == [None]
    assert await error_of(web.conversations_replies(channel=HERE, ts=ts)) == "thread_not_found"
    assert await error_of(web.chat_update(channel=HERE, ts=ts, text="x")) == "message_not_found"
    with pytest.raises(LookupError):
        slack.delete(message)


async def test_replies_keep_the_thread_of_a_deleted_message(
    web: AsyncWebClient, slack: SandboxSlack, clock: Clock
) -> None:
    stamps = await thread(web, clock, of=1)
    slack.delete(slack.messages[0])
    posted = await web.chat_postMessage(channel=HERE, text="late", thread_ts=stamps[0])
    assert posted["message"]["thread_ts"] == stamps[0]
    note, *replies = (await web.conversations_replies(channel=HERE, ts=stamps[0]))["messages"]
    assert (note["subtype"], note["reply_count"]) == ("tombstone", 2)
    assert [reply["text"] for reply in replies] == ["1", "late"]


async def test_replies_to_a_persons_message_are_a_thread_too(
    web: AsyncWebClient, slack: SandboxSlack
) -> None:
    posted = await web.chat_postMessage(channel=HERE, text="reply", thread_ts="1700000000.000100")
    assert posted["message"]["thread_ts"] == "1700000000.000100"
    assert await texts(web, "1700000000.000100") == ["", "reply"]
    (reply,) = slack.messages
    assert reply.thread_ts == "1700000000.000100"
