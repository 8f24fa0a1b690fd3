"""A Slack that does the work and does not say so, or does it later."""

import asyncio
from uuid import uuid4

import aiohttp
import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import Drop, Garble, Hang, Late, Respond, SandboxSlack, refusals

HERE = "C0SANDBOX1"


async def test_an_error_after_the_message_was_posted(
    web: AsyncWebClient, slack: SandboxSlack
) -> None:
    slack.faults.next(
        "/api/chat.*",
        Respond(502, body=b"<html>", after=True),
        refusals.slack_error("internal_error", after=True),
        refusals.slack_error("fatal_error", 500, after=True),
    )
    statuses = []
    for _ in range(3):
        with pytest.raises(SlackApiError) as refused:
            await web.chat_postMessage(channel=HERE, text="hi")
        statuses.append(refused.value.response.status_code)
    assert (statuses, len(slack.messages)) == ([502, 200, 500], 3)


async def test_a_request_that_hangs_after_its_work(
    slack: SandboxSlack, http: httpx.AsyncClient
) -> None:
    slack.bot_url = slack.url
    url = (await slack.command("x")).response_url
    slack.faults.next("/response/.*", Hang(after=True))
    with pytest.raises(httpx.ReadTimeout):
        await http.post(url, json={"text": "hi"}, timeout=httpx.Timeout(5, read=0.3))
    await slack.until(lambda: [told.text for told in slack.ephemerals] == ["hi"])


@pytest.mark.parametrize("fault", [Respond(500), Drop(), Garble()], ids=str)
async def test_a_message_lands_when_the_test_says_so(
    web: AsyncWebClient, slack: SandboxSlack, fault: Respond | Drop | Garble
) -> None:
    lands = asyncio.Event()
    slack.faults.next("/api/chat.*", Late(fault, lands))
    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await web.chat_postMessage(channel=HERE, text="late")
    await web.chat_postMessage(channel=HERE, text="prompt")
    assert [message.text for message in slack.messages] == ["prompt"]
    lands.set()
    await slack.until(lambda: len(slack.messages) == 2)
    assert slack.messages[1].text == "late"


async def test_a_message_lands_by_itself(web: AsyncWebClient, slack: SandboxSlack) -> None:
    slack.faults.next("/api/chat.*", Late(Respond(504), 0.05))
    with pytest.raises(SlackApiError):
        await web.chat_postEphemeral(channel=HERE, user="U1", text="late")
    await slack.until(lambda: [told.text for told in slack.ephemerals] == ["late"])


async def test_what_has_not_landed_at_the_end_never_does() -> None:
    async with SandboxSlack() as slack:
        web = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        slack.faults.next("/api/chat.*", Late(Respond(500), asyncio.Event()))
        with pytest.raises(SlackApiError):
            await web.chat_postMessage(channel=HERE, text="late")
    assert slack.messages == []


async def test_a_fault_for_one_channel(web: AsyncWebClient, slack: SandboxSlack) -> None:
    slack.add_channel("C1")
    slack.faults.always("/api/chat.*", Respond(500), containing="C1")
    await web.chat_postMessage(channel=HERE, text="hi")
    with pytest.raises(SlackApiError):
        await web.chat_postMessage(channel="C1", text="hi")


@pytest.mark.parametrize(("drops", "posts"), [(False, 2), (True, 1)])
async def test_a_repeated_client_msg_id(
    web: AsyncWebClient, slack: SandboxSlack, *, drops: bool, posts: int
) -> None:
    slack.drops_repeats = drops
    slack.scopes = (*slack.scopes, "channels:history")
    slack.add_channel("C1")
    same = str(uuid4())
    first, second = [
        await web.chat_postMessage(channel=HERE, text="hi", client_msg_id=same) for _ in range(2)
    ]
    assert (first["ts"] == second["ts"]) is drops
    assert [message.client_msg_id for message in slack.messages] == [same] * posts
    history = await web.conversations_history(channel=HERE)
    assert [message["client_msg_id"] for message in history["messages"]] == [same] * posts
    await web.chat_postMessage(channel="C1", text="hi", client_msg_id=same)
    assert len(slack.messages) == posts + 1
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await web.chat_postMessage(channel=HERE, text="hi", client_msg_id="1")


async def test_the_text_of_an_update_is_limited_in_bytes(web: AsyncWebClient) -> None:
    ts = (await web.chat_postMessage(channel=HERE, text="é" * 2_001))["ts"]
    await web.chat_update(channel=HERE, ts=ts, text="é" * 2_000)
    with pytest.raises(SlackApiError, match="msg_too_long"):
        await web.chat_update(channel=HERE, ts=ts, text="é" * 2_001)
