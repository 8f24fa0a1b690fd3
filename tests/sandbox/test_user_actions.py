"""Users' actions reach a bot written with Bolt, over HTTP and over web sockets."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import SandboxSlack
from bot.sandbox.faults import Json

from .listeners import MODAL, SELECT

Seen = dict[str, Any]

HERE = "C0SANDBOX1"
BUTTON: dict[str, Json] = {
    "type": "button",
    "action_id": "go",
    "text": {"type": "plain_text", "text": "Go"},
    "value": "7",
}


async def test_a_command_is_escaped_and_its_ack_shown(slack: SandboxSlack, seen: Seen) -> None:
    delivery = await slack.command("a <b> & “c”", user="U1", user_name="dana", token=None)
    assert seen["command"] == delivery.payload
    assert seen["command"]["text"] == "a &lt;b&gt; &amp; “c”"
    assert (delivery.status, delivery.refused) == (200, None)
    assert 0 < delivery.seconds < 3
    (ephemeral,) = slack.ephemerals
    assert (ephemeral.user, ephemeral.via) == ("U1", "ack")
    assert ephemeral.text == "you said a &lt;b&gt; &amp; “c”"
    fields = set(seen["command"])
    assert {"team_id", "channel_id", "user_id", "response_url", "trigger_id"} <= fields
    assert "token" not in fields
    assert seen["command"]["user_name"] == "dana"
    assert seen["command"]["is_enterprise_install"] == "false"


async def test_text_may_be_given_as_slack_sends_it(slack: SandboxSlack, seen: Seen) -> None:
    await slack.command("<@U1|dana> &amp;", escaped=True)
    assert seen["command"]["text"] == "<@U1|dana> &amp;"


@pytest.mark.parametrize(
    ("channel", "name"),
    [(HERE, "ml-training"), ("C404", "privategroup"), ("D1", "directmessage")],
)
async def test_a_channels_name_is_told_of_public_ones_only(
    slack: SandboxSlack, seen: Seen, channel: str, name: str
) -> None:
    await slack.command("quiet", channel=channel)
    assert (seen["command"]["channel_id"], seen["command"]["channel_name"]) == (channel, name)


async def test_an_ack_may_be_empty_loud_or_refused(slack: SandboxSlack, seen: Seen) -> None:
    assert (await slack.command("quiet")).body == ""
    assert slack.ephemerals == []
    await slack.command("loud")
    assert [(message.text, message.via) for message in slack.messages] == [("hear", "ack")]
    assert (await slack.command("broken")).refused == "invalid_blocks"
    assert slack.ephemerals == []
    assert seen["command"]["text"] == "broken"


async def test_a_button_is_pressed_where_it_is(
    slack: SandboxSlack, seen: Seen, web: AsyncWebClient
) -> None:
    blocks: list[dict[str, Json]] = [{"type": "actions", "elements": [BUTTON, SELECT]}]
    await web.chat_postMessage(channel=HERE, text="hi", blocks=blocks)
    (message,) = slack.messages
    pressed = await slack.action(message, "go", user="U1")
    body = seen["block_actions"]
    assert body == pressed.payload
    assert body["container"] == {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": HERE,
        "is_ephemeral": False,
    }
    assert (body["actions"][0]["value"], body["actions"][0]["type"]) == ("7", "button")
    assert (body["message"]["ts"], body["user"]["id"]) == (message.ts, "U1")
    assert body["message"]["blocks"][0]["block_id"] == body["actions"][0]["block_id"]
    assert "block_id" not in message.blocks[0]
    await slack.action(message, "size", selected="M")
    assert seen["block_actions"]["actions"][0]["selected_option"] == SELECT["options"][1]
    await slack.action(message, "go", value="forged")
    assert seen["block_actions"]["actions"][0]["value"] == "forged"
    with pytest.raises(LookupError, match=r"'stop'.*go.*size"):
        await slack.action(message, "stop")
    with pytest.raises(LookupError, match=r"'XL'.*'S', 'M'"):
        await slack.action(message, "size", selected="XL")


async def test_of_buttons_with_one_action_id_the_one_with_the_value_is_pressed(
    slack: SandboxSlack, seen: Seen, web: AsyncWebClient
) -> None:
    rows = [
        {"type": "actions", "block_id": f"row {n}", "elements": [BUTTON | {"value": str(n)}]}
        for n in range(3)
    ]
    await web.chat_postMessage(channel=HERE, text="hi", blocks=rows)
    (message,) = slack.messages
    for value, row in (("2", "row 2"), (None, "row 0"), ("forged", "row 0")):
        await slack.action(message, "go", value=value)
        pressed = seen["block_actions"]["actions"][0]
        assert (pressed["block_id"], pressed["value"]) == (row, value or "0")


async def test_shortcuts_start_anywhere_or_at_a_message(
    slack: SandboxSlack, seen: Seen, web: AsyncWebClient
) -> None:
    started = await slack.shortcut("start")
    assert seen["shortcut"]["callback_id"] == "start"
    await web.views_open(trigger_id=started.trigger_id, view=MODAL)
    await web.chat_postMessage(channel=HERE, text="hi")
    await slack.message_shortcut("from-message", slack.messages[0])
    assert seen["message_action"]["message"]["text"] == "hi"
    assert seen["message_action"]["channel"]["id"] == HERE
    assert seen["message_action"]["response_url"].startswith(slack.url)


async def test_a_workflow_step_completes_or_fails_once(
    slack: SandboxSlack, seen: Seen, web: AsyncWebClient
) -> None:
    await slack.function_executed("open_project", {"team": "research"})
    await slack.function_executed("open_project", {"team": "none"})
    await slack.until(lambda: len(slack.completions) == 2)
    good, bad = slack.completions
    assert (good.outputs, good.error) == ({"id": "x"}, None)
    assert (bad.outputs, bad.error) == (None, "no")
    assert seen["inputs"] == {"team": "none"}
    with pytest.raises(SlackApiError, match="function_execution_not_found"):
        await web.functions_completeError(
            function_execution_id=good.function_execution_id, error="too late"
        )


async def test_an_event_reaches_the_bot(slack: SandboxSlack, seen: Seen) -> None:
    event = {"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "home"}
    await slack.event(event)
    await slack.until(lambda: len(slack.views) == 1)
    assert event.items() <= seen["event"].items()
    assert slack.views[0].payload["type"] == "home"


async def test_a_button_in_a_thread_says_so(
    slack: SandboxSlack, seen: Seen, web: AsyncWebClient
) -> None:
    blocks: list[dict[str, Json]] = [{"type": "actions", "elements": [BUTTON]}]
    await web.chat_postMessage(channel=HERE, text="hi", blocks=blocks, thread_ts="1.0")
    await slack.action(slack.messages[0], "go")
    assert seen["block_actions"]["container"]["thread_ts"] == "1.0"
    assert seen["block_actions"]["message"]["thread_ts"] == "1.0"
