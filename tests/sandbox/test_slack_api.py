"""The Web API, as the official client uses it."""

import json

import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import Clock, SandboxSlack, refusals
from bot.sandbox.faults import Json
from tests.sandbox.shown import BLOCKS, HERE, error_of


async def test_auth_test_tells_who_and_what_for(web: AsyncWebClient, slack: SandboxSlack) -> None:
    answer = await web.auth_test()
    assert (answer["team_id"], answer["bot_id"]) == ("T0SANDBOX1", "B0SANDBOX1")
    assert answer.headers["x-oauth-scopes"] == "commands,chat:write,chat:write.public"
    slack.scopes = ("commands",)
    assert (await web.auth_test()).headers["x-oauth-scopes"] == "commands"


async def test_only_the_right_token_opens(web: AsyncWebClient, slack: SandboxSlack) -> None:
    assert await error_of(web.auth_test(token="xoxb-wrong")) == "invalid_auth"
    web.token = None
    assert await error_of(web.auth_test()) == "not_authed"
    assert await error_of(web.auth_test(token=slack.app_token)) == "not_allowed_token_type"
    socket = web.apps_connections_open(app_token=slack.bot_token)
    assert await error_of(socket) == "not_allowed_token_type"
    assert await error_of(web.apps_connections_open(app_token="xapp-no")) == "invalid_auth"
    opened = await web.apps_connections_open(app_token=slack.app_token)
    assert str(opened["url"]).startswith(slack.url.replace("http", "ws") + "/link/?ticket=")


async def test_a_scope_that_is_missing_is_named(web: AsyncWebClient, slack: SandboxSlack) -> None:
    slack.scopes = ("commands",)
    with pytest.raises(SlackApiError) as refusal:
        await web.chat_postMessage(channel=HERE, text="hi")
    assert refusal.value.response["error"] == "missing_scope"
    assert refusal.value.response["needed"] == "chat:write"
    assert refusal.value.response["provided"] == "commands"


async def test_an_unknown_method_is_unknown(web: AsyncWebClient) -> None:
    assert await error_of(web.api_call("chat.sing")) == "unknown_method"


@pytest.mark.parametrize("as_json", [True, False])
async def test_arguments_come_as_json_or_as_a_form(
    slack: SandboxSlack, http: httpx.AsyncClient, *, as_json: bool
) -> None:
    metadata = {"event_type": "project", "event_payload": {"id": "x"}}
    fields = {"channel": HERE, "text": "hi", "blocks": BLOCKS, "metadata": metadata}
    form = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()
    }
    answer = await http.post(
        slack.api_url + "chat.postMessage",
        headers={"Authorization": f"Bearer {slack.bot_token}"},
        json=fields if as_json else None,
        data=None if as_json else form,
    )
    assert answer.json()["ok"]
    (message,) = slack.messages
    assert (message.text, message.blocks, message.metadata) == ("hi", BLOCKS, metadata)
    assert (message.via, message.channel, message.edits) == ("chat.postMessage", HERE, 0)


@pytest.mark.parametrize(
    ("content", "kind", "error"),
    [
        ("{", "application/json", "invalid_json"),
        ("[]", "application/json", "json_not_object"),
        (
            "channel=C0SANDBOX1&blocks=[",
            "application/x-www-form-urlencoded",
            "invalid_blocks_format",
        ),
        ("view={", "application/x-www-form-urlencoded", "invalid_arguments"),
        ("text=hi", "application/x-www-form-urlencoded", "invalid_arguments"),
    ],
)
async def test_broken_arguments_are_refused(
    slack: SandboxSlack, http: httpx.AsyncClient, content: str, kind: str, error: str
) -> None:
    headers = {"Authorization": f"Bearer {slack.bot_token}", "Content-Type": kind}
    answer = await http.post(slack.api_url + "chat.postMessage", headers=headers, content=content)
    assert (answer.status_code, answer.json()["ok"], answer.json()["error"]) == (200, False, error)


async def test_where_the_bot_may_post(web: AsyncWebClient, slack: SandboxSlack) -> None:
    slack.add_channel("C1", member=False)
    slack.add_channel("C2", member=False, private=True)
    slack.add_channel("C3", archived=True)
    slack.add_channel("C4", post_error="restricted_action")
    slack.add_channel("C5", private=True)

    async def post(channel: str) -> str:
        try:
            await web.chat_postMessage(channel=channel, text="hi")
        except SlackApiError as refused:
            return str(refused.response["error"])
        return "ok"

    assert [await post(f"C{number}") for number in range(6)] == [
        "channel_not_found",
        "ok",
        "channel_not_found",
        "is_archived",
        "restricted_action",
        "ok",
    ]
    slack.scopes = ("chat:write",)
    assert await post("C1") == "not_in_channel"


async def test_an_ephemeral_needs_a_member(web: AsyncWebClient, slack: SandboxSlack) -> None:
    slack.add_channel("C1", member=False)
    slack.add_channel("C3", archived=True)
    refused = web.chat_postEphemeral(channel="C1", user="U1", text="psst")
    assert await error_of(refused) == "not_in_channel"
    refused = web.chat_postEphemeral(channel="C3", user="U1", text="psst")
    assert await error_of(refused) == "is_archived"
    await web.chat_postEphemeral(channel=HERE, user="U1", text="psst")
    (ephemeral,) = slack.ephemerals
    assert (ephemeral.user, ephemeral.text, ephemeral.via) == ("U1", "psst", "chat.postEphemeral")
    assert slack.messages == []


async def test_an_update_changes_the_message_in_place(
    web: AsyncWebClient, slack: SandboxSlack
) -> None:
    posted = await web.chat_postMessage(channel=HERE, text="one", blocks=BLOCKS)
    message = slack.messages[0]
    await web.chat_update(channel=HERE, ts=posted["ts"], text="two", blocks=BLOCKS)
    assert (message.text, message.blocks, message.edits) == ("two", BLOCKS, 1)
    await web.chat_update(channel=HERE, ts=posted["ts"], text="three")
    assert (message.text, message.blocks, message.edits) == ("three", [], 2)
    refused = web.chat_update(channel=HERE, ts="1.0", text="x")
    assert await error_of(refused) == "message_not_found"
    slack.add_channel(HERE, archived=True)
    refused = web.chat_update(channel=HERE, ts=posted["ts"], text="x")
    assert await error_of(refused) == "is_inactive"


async def test_what_came_through_a_response_url_is_not_the_bots_to_update(
    web: AsyncWebClient, slack: SandboxSlack, http: httpx.AsyncClient
) -> None:
    url = slack.url + "/response/"
    slack.bot_url = slack.url  # any server will do: only the response URL is of interest
    delivery = await slack.command("x")
    assert delivery.response_url.startswith(url)
    await http.post(delivery.response_url, json={"response_type": "in_channel", "text": "hi"})
    (message,) = slack.messages
    refused = web.chat_update(channel=HERE, ts=message.ts, text="x")
    assert await error_of(refused) == "cant_update_message"
    refused = web.chat_delete(channel=HERE, ts=message.ts)
    assert await error_of(refused) == "cant_delete_message"


async def test_a_deleted_message_is_seen_no_more(web: AsyncWebClient, slack: SandboxSlack) -> None:
    posted = await web.chat_postMessage(channel=HERE, text="one")
    await web.chat_delete(channel=HERE, ts=posted["ts"])
    assert slack.messages == []
    assert [message.text for message in slack.deleted] == ["one"]


async def test_the_history_is_read_newest_first(
    web: AsyncWebClient, slack: SandboxSlack, clock: Clock
) -> None:
    assert await error_of(web.conversations_history(channel=HERE)) == "missing_scope"
    slack.scopes = (*slack.scopes, "channels:history")
    metadata = {"event_type": "project", "event_payload": {"id": "x"}}
    stamps = []
    for text in ("one", "two", "three"):
        clock.advance(1)
        posted = await web.chat_postMessage(channel=HERE, text=text, metadata=metadata)
        stamps.append(posted["ts"])
    await web.chat_postMessage(channel=HERE, text="reply", thread_ts=stamps[0])

    async def texts(**query: Json) -> list[str]:
        answer = await web.conversations_history(channel=HERE, **query)
        return [message["text"] for message in answer["messages"]]

    assert await texts() == ["three", "two", "one"]
    assert await texts(limit=2) == ["three", "two"]
    assert await texts(oldest=stamps[1]) == ["three"]
    assert await texts(oldest=stamps[1], inclusive=True) == ["three", "two"]
    assert await texts(latest=stamps[1]) == ["one"]
    plain = await web.conversations_history(channel=HERE)
    full = await web.conversations_history(channel=HERE, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == metadata
    slack.add_channel("C1", member=False)
    assert await error_of(web.conversations_history(channel="C1")) == "not_in_channel"


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"event_type": "x"}, "invalid_metadata_format"),
        ({"event_type": "x", "event_payload": {"a": "x" * 8000}}, "metadata_too_large"),
    ],
)
async def test_metadata_has_a_shape(
    web: AsyncWebClient, metadata: dict[str, Json], error: str
) -> None:
    refused = web.chat_postMessage(channel=HERE, text="x", metadata=metadata)
    assert await error_of(refused) == error


async def test_a_direct_message_is_opened(web: AsyncWebClient, slack: SandboxSlack) -> None:
    assert await error_of(web.conversations_open(users="U1")) == "missing_scope"
    slack.scopes = (*slack.scopes, "im:write")
    opened = await web.conversations_open(users=["U0PERSON"])
    channel = opened["channel"]["id"]
    assert channel == "D0PERSON"
    assert (await web.chat_postMessage(channel=channel, text="hi"))["channel"] == channel
    assert (await web.chat_postMessage(channel="U0PERSON", text="hi"))["channel"] == channel
    assert await error_of(web.conversations_open(users="U1,U2")) == "user_not_found"


async def test_a_step_that_never_ran_cannot_complete(web: AsyncWebClient) -> None:
    nothing = {"function_execution_id": "Fx1", "outputs": "7"}
    refused = web.api_call("functions.completeSuccess", json=nothing)
    assert await error_of(refused) == "invalid_arguments"
    refused = web.functions_completeSuccess(function_execution_id="Fx1", outputs={})
    assert await error_of(refused) == "function_execution_not_found"


async def test_a_rate_limit_is_told_as_slack_does(web: AsyncWebClient, slack: SandboxSlack) -> None:
    slack.faults.next("/api/chat.*", refusals.slack_rate_limited_429(3))
    with pytest.raises(SlackApiError) as refusal:
        await web.chat_postMessage(channel=HERE, text="hi")
    assert refusal.value.response.status_code == 429
    assert refusal.value.response["error"] == "ratelimited"
    assert refusal.value.response.headers["Retry-After"] == "3"


async def test_each_message_has_a_ts_of_its_own_even_while_the_clock_stands(
    web: AsyncWebClient, slack: SandboxSlack
) -> None:
    for _ in range(3):
        await web.chat_postMessage(channel=HERE, text="hi")
    stamps = [float(message.ts) for message in slack.messages]
    assert stamps == sorted(set(stamps))
