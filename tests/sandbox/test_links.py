"""Pasted links: the event, ``chat.unfurl``, and a click in a preview."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import SandboxSlack
from bot.sandbox.slack.records import Unfurl

URL = "https://app.baseten.co/training/abc"
BUTTON = {
    "type": "button",
    "action_id": "press",
    "value": "v",
    "text": {"type": "plain_text", "text": "Press"},
}
BLOCKS = [{"type": "actions", "elements": [BUTTON]}]


@pytest.fixture
def linked(slack: SandboxSlack) -> SandboxSlack:
    """The sandbox with an app that has both scopes."""
    slack.scopes = (*slack.scopes, "links:read", "links:write")
    return slack


def client(slack: SandboxSlack) -> AsyncWebClient:
    return AsyncWebClient(slack.bot_token, base_url=slack.api_url)


async def refusal(slack: SandboxSlack, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await client(slack).api_call("chat.unfurl", json=arguments)
    code: str = caught.value.response["error"]
    return code


@pytest.mark.parametrize("way", ["unfurl_id", "message"])
async def test_a_preview_stands_under_its_link(linked: SandboxSlack, way: str) -> None:
    shared = linked.paste(URL)
    place: dict[str, Any] = {"channel": shared.channel, "ts": shared.ts}
    if way == "unfurl_id":
        place = {"unfurl_id": shared.unfurl_id, "source": shared.source}
    await client(linked).chat_unfurl(unfurls={URL: {"blocks": BLOCKS}}, **place)
    assert shared.unfurled == 1
    assert shared.preview(URL) == Unfurl(shared.channel, shared.ts, URL, BLOCKS)


async def test_slack_refuses_what_fits_no_link(linked: SandboxSlack) -> None:
    shared = linked.paste(URL)
    place = {"channel": shared.channel, "ts": shared.ts}
    good = {URL: {"blocks": BLOCKS}}
    assert await refusal(linked, **place) == "missing_unfurls"
    assert await refusal(linked, unfurls={f"{URL}/": good[URL]}, **place) == "cannot_unfurl_url"
    bad = {URL: {"blocks": [{"type": "section"}]}}
    assert await refusal(linked, unfurls=bad, **place) == "cannot_parse_attachment"
    assert await refusal(linked, unfurls=good, channel="C1", ts="1.1") == "cannot_find_message"
    assert await refusal(linked, unfurls=good, channel="C1") == "invalid_arguments"
    assert await refusal(linked, unfurls=good, **place, unfurl_id="x") == "invalid_arguments"
    by_id = {"unfurl_id": "x", "source": shared.source}
    assert await refusal(linked, unfurls=good, **by_id) == "invalid_unfurl_id"
    by_id = {"unfurl_id": shared.unfurl_id, "source": "composer"}
    assert await refusal(linked, unfurls=good, **by_id) == "invalid_source"
    linked.scopes = ("chat:write", "links:read")
    assert await refusal(linked, unfurls=good, **place) == "missing_scope"
    assert shared.unfurled == 0


async def test_slack_sends_only_events_that_the_app_asks_for(slack: SandboxSlack) -> None:
    with pytest.raises(LookupError, match=r"example\.com"):
        slack.paste("https://example.com/training/abc")
    with pytest.raises(LookupError, match="links:read"):
        await slack.link_shared(slack.paste(URL))
    with pytest.raises(LookupError, match="no preview"):
        slack.paste(URL).preview(URL)


def test_in_the_composer_there_is_no_channel_yet(slack: SandboxSlack) -> None:
    shared = slack.paste(URL, source="composer")
    assert (shared.channel, shared.source) == ("COMPOSER", "composer")
    assert shared.ts == shared.unfurl_id
