"""Response URLs, as a bot uses them after its ack."""

import httpx
import pytest
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.sandbox import Clock, SandboxSlack
from bot.sandbox.faults import Json

BUTTONS: list[dict[str, Json]] = [
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": "go",
                "text": {"type": "plain_text", "text": "Go"},
                "value": "7",
            }
        ],
    }
]


@pytest.fixture
async def url(slack: SandboxSlack) -> str:
    """The response URL of a command in a channel that the bot is not in."""
    slack.bot_url = slack.url  # any server will do: only the response URL is of interest
    slack.add_channel("C1", private=True, member=False)
    return (await slack.command("x", channel="C1", user="U1")).response_url


async def test_five_uses_and_no_more(slack: SandboxSlack, url: str) -> None:
    webhook = AsyncWebhookClient(url, retry_handlers=[])
    answers = [await webhook.send(text=str(number)) for number in range(6)]
    assert [(answer.status_code, answer.body) for answer in answers] == [
        *[(200, "ok")] * 5,
        (404, "used_url"),
    ]
    assert [ephemeral.text for ephemeral in slack.ephemerals] == ["0", "1", "2", "3", "4"]


async def test_half_an_hour_and_no_longer(
    slack: SandboxSlack, url: str, clock: Clock, http: httpx.AsyncClient
) -> None:
    clock.advance(30 * 60)
    assert (await http.post(url, json={"text": "in time"})).text == "ok"
    clock.advance(1)
    late = await http.post(url, json={"text": "late"})
    assert (late.status_code, late.text) == (404, "expired_url")
    assert (await http.post(f"{slack.url}/response/none", json={})).status_code == 404


async def test_the_default_is_for_one_person(
    slack: SandboxSlack, url: str, http: httpx.AsyncClient
) -> None:
    await http.post(url, json={"text": "psst"})
    await http.post(url, json={"text": "hear", "response_type": "in_channel", "blocks": BUTTONS})
    (ephemeral,), (message,) = slack.ephemerals, slack.messages
    assert (ephemeral.channel, ephemeral.user, ephemeral.text) == ("C1", "U1", "psst")
    assert (message.channel, message.user, message.text) == ("C1", None, "hear")
    assert (ephemeral.via, message.via) == ("response_url", "response_url")
    assert message.blocks == BUTTONS


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "no_text"),
        ([], "invalid_payload"),
        ({"text": "x", "blocks": [{"type": "poem"}]}, "invalid_blocks"),
    ],
)
async def test_what_slack_refuses_is_not_a_use(
    slack: SandboxSlack, url: str, http: httpx.AsyncClient, body: Json, words: str
) -> None:
    for _ in range(6):
        answer = await http.post(url, json=body)
        assert (answer.status_code, answer.text) == (400, words)
    assert (await http.post(url, content=b"{")).text == "invalid_payload"
    assert slack.ephemerals == []
    assert (await http.post(url, json={"text": "x"})).status_code == 200


async def test_a_commands_cannot_replace_or_delete(
    slack: SandboxSlack, url: str, http: httpx.AsyncClient
) -> None:
    await http.post(url, json={"text": "one"})
    await http.post(url, json={"text": "two", "replace_original": True})
    await http.post(url, json={"delete_original": True})
    assert [ephemeral.text for ephemeral in slack.ephemerals] == ["one", "two"]


async def test_a_buttons_replaces_and_deletes_the_message(
    slack: SandboxSlack, web: AsyncWebClient, http: httpx.AsyncClient
) -> None:
    slack.bot_url = slack.url
    await web.chat_postMessage(channel="C0SANDBOX1", text="one", blocks=BUTTONS)
    (message,) = slack.messages
    pressed = await slack.action(message, "go")
    await http.post(pressed.response_url, json={"text": "beside"})
    await http.post(pressed.response_url, json={"text": "two", "replace_original": True})
    assert (message.text, message.blocks, message.edits) == ("two", [], 1)
    assert [ephemeral.text for ephemeral in slack.ephemerals] == ["beside"]
    await http.post(pressed.response_url, json={"delete_original": True})
    assert slack.messages == []


async def test_a_buttons_replaces_and_deletes_an_ephemeral_message(
    slack: SandboxSlack, url: str, http: httpx.AsyncClient
) -> None:
    await http.post(url, json={"text": "one", "blocks": BUTTONS})
    (ephemeral,) = slack.ephemerals
    pressed = await slack.action(ephemeral, "go", user="U1")
    assert pressed.payload["container"]["is_ephemeral"] is True
    assert "message" not in pressed.payload
    await http.post(pressed.response_url, json={"text": "two", "replace_original": True})
    assert (ephemeral.text, ephemeral.edits) == ("two", 1)
    await http.post(pressed.response_url, json={"delete_original": True})
    assert slack.ephemerals == []
