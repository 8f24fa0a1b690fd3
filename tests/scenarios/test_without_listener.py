"""Requests without a listener, such as a click in a message of an older bot: words and a line."""

from structlog.testing import capture_logs

from bot.sandbox.slack.records import PostedMessage
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import chosen, dialog, typed

OLD = {"type": "plain_text", "text": "Old"}
ROW = {"type": "actions", "elements": [{"type": "button", "text": OLD, "action_id": "old"}]}


async def test_each_kind_is_answered_in_words_and_logged(env: Env) -> None:
    message = PostedMessage("C0SANDBOX1", "1700000000.000100", "U0BOT00001", "hi", [ROW], "")
    env.slack.messages.append(message)
    with capture_logs() as lines:
        delivery = await env.slack.command("", command="/something-else")
        assert "I don't know this command. Nothing was done." in str(delivery.body)
        await env.slack.shortcut("unknown")
        await env.answered(2)
        assert "I don't know this shortcut. Nothing was done." in env.slack.messages[1].text
        await env.slack.message_shortcut("unknown", message)
        assert "I don't know this shortcut. Nothing was done." in await env.told(2)
        await env.slack.action(message, "old")
        assert "I don't know this button. Nothing was done." in await env.told(3)
        await env.slack.function_executed("unknown", {})
        await env.slack.until(lambda: bool(env.slack.completions))
        assert "I don't know this step. Nothing was done." in str(env.slack.completions[0].error)
        assert (await env.slack.event({"type": "team_join", "user": {}})).status == 200
    unheard = [line for line in lines if line["event"] == "no listener for this request"]
    assert [line["log_level"] for line in unheard] == ["warning"] * 6
    assert {"a request failed", "unforeseen failure"}.isdisjoint(line["event"] for line in lines)


async def test_a_dialog_and_a_select_are_answered_in_their_acks(env: Env) -> None:
    await env.slack.command("")
    view = await dialog(env)
    view.payload["callback_id"] = "old"
    delivery = await env.slack.submit(view, chosen(RESEARCH) | typed("name", "sft"))
    assert delivery.body["response_action"] == "errors"
    assert "I don't know this dialog. Nothing was done." in delivery.body["errors"]["name"]
    view.blocks[0]["element"]["action_id"] = "old"
    assert (await env.slack.options(view, "old", "res")).body == {"options": []}
    assert env.baseten.upserts == []
