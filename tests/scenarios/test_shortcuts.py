"""The shortcuts: from anywhere with a channel to choose, and from a message into its thread."""

import pytest

from bot.listeners.dialog import FROM_ANYWHERE, FROM_MESSAGE
from bot.sandbox import Delay, Respond
from bot.sandbox.refusals import validation_400
from bot.sandbox.slack.records import CHANNEL, PostedMessage
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import blocks_of, channel, chosen, dialog, element, typed


async def a_message(env: Env, *, thread_ts: str | None = None) -> PostedMessage:
    """A message of somebody, and perhaps in a thread."""
    message = PostedMessage(CHANNEL, "1700000000.000100", "U0DANA0001", "hi", [], "", thread_ts)
    env.slack.messages.append(message)
    return message


async def test_the_one_from_anywhere_asks_for_the_channel(env: Env) -> None:
    delivery = await env.slack.shortcut(FROM_ANYWHERE)
    assert delivery.status == 200
    assert not delivery.body
    view = await dialog(env)
    assert blocks_of(view)[::2] == ["team", "name"]
    assert blocks_of(view)[1].startswith("project:")
    assert blocks_of(view)[3:] == ["channel"]
    picker = element(view, "channel")
    assert picker["default_to_current_conversation"] is True
    assert picker["response_url_enabled"] is True
    assert element(view, "team")["initial_option"]["text"]["text"].startswith("Default (")


async def test_its_answer_goes_to_the_channel_that_was_chosen(env: Env) -> None:
    env.slack.add_channel("C0OTHER001", name="elsewhere")
    await env.slack.shortcut(FROM_ANYWHERE)
    values = chosen(RESEARCH) | typed("name", "sft") | channel("C0OTHER001")
    delivery = await env.slack.submit(await dialog(env), values)
    assert delivery.refused is None
    await env.answered()
    (message,) = env.slack.messages
    assert (message.channel, message.via) == ("C0OTHER001", "chat.postMessage")
    assert env.baseten.upserts[0].path.split("/")[3] == RESEARCH


async def test_where_the_bot_cannot_post_the_chosen_channel_brings_a_response_url(
    env: Env,
) -> None:
    env.slack.add_channel("C0PRIVATE1", private=True, member=False)
    await env.slack.shortcut(FROM_ANYWHERE)
    values = typed("name", "sft") | channel("C0PRIVATE1")
    await env.slack.submit(await dialog(env), values)
    await env.answered()
    (message,) = env.slack.messages
    assert (message.channel, message.via) == ("C0PRIVATE1", "response_url")


async def test_a_failure_after_it_is_told_in_the_channel_that_was_chosen(env: Env) -> None:
    env.baseten.faults.always(r"/v1/teams/.*", validation_400("Bad name"))
    await env.slack.shortcut(FROM_ANYWHERE)
    await env.slack.submit(await dialog(env), typed("name", "sft") | channel(CHANNEL))
    assert "Bad name" in await env.told()
    assert env.slack.ephemerals[0].channel == CHANNEL


@pytest.mark.slow
async def test_one_whose_trigger_expired_is_told_in_a_direct_message(env: Env) -> None:
    env.slack.faults.next("/api/views.open", Delay(3.1))
    await env.slack.shortcut(FROM_ANYWHERE)
    await env.answered()
    assert env.slack.messages[0].channel == "D0SANDBOX1"
    assert "Slack closed the dialog" in env.slack.messages[0].text


async def test_the_one_from_a_message_answers_in_its_thread(env: Env) -> None:
    message = await a_message(env)
    delivery = await env.slack.message_shortcut(FROM_MESSAGE, message)
    assert delivery.status == 200
    view = await dialog(env)
    assert blocks_of(view)[::2] == ["team", "name"]
    await env.slack.submit(view, typed("name", "sft"))
    await env.answered(2)
    answer = env.slack.messages[-1]
    assert (answer.channel, answer.thread_ts) == (CHANNEL, message.ts)
    assert answer.via == "chat.postMessage"


async def test_the_one_from_a_reply_answers_in_the_same_thread(env: Env) -> None:
    reply = await a_message(env, thread_ts="1690000000.000001")
    await env.slack.message_shortcut(FROM_MESSAGE, reply)
    await env.slack.submit(await dialog(env), typed("name", "sft"))
    await env.answered(2)
    assert env.slack.messages[-1].thread_ts == "1690000000.000001"


async def test_where_the_bot_cannot_post_the_thread_is_answered_all_the_same(
    env: Env,
) -> None:
    env.slack.add_channel("C0PRIVATE1", private=True, member=False)
    message = await a_message(env)
    message.channel = "C0PRIVATE1"
    await env.slack.message_shortcut(FROM_MESSAGE, message)
    await env.slack.submit(await dialog(env), typed("name", "sft"))
    await env.answered(2)
    answer = env.slack.messages[-1]
    assert (answer.channel, answer.via) == ("C0PRIVATE1", "response_url")
    assert answer.thread_ts == message.ts
    assert message.text == "hi"


async def test_a_failure_is_told_in_the_thread_of_a_reply(env: Env) -> None:
    env.baseten.training_enabled = False
    reply = await a_message(env, thread_ts="1690000000.000001")
    await env.slack.message_shortcut(FROM_MESSAGE, reply)
    await env.slack.submit(await dialog(env), typed("name", "sft"))
    assert "Training is not enabled" in await env.told()
    assert env.slack.ephemerals[0].thread_ts == "1690000000.000001"


async def test_a_failure_is_told_in_the_channel_where_slack_would_drop_it_from_the_thread(
    env: Env,
) -> None:
    env.baseten.training_enabled = False
    await env.slack.message_shortcut(FROM_MESSAGE, await a_message(env))
    await env.slack.submit(await dialog(env), typed("name", "sft"))
    assert "Training is not enabled" in await env.told()
    assert env.slack.ephemerals[0].thread_ts is None


async def test_a_near_name_is_asked_in_the_channel_and_answered_in_the_new_thread(
    env: Env,
) -> None:
    default = (await env.slack.shortcut(FROM_ANYWHERE), await dialog(env))[1]
    team_id = element(default, "team")["initial_option"]["value"]
    env.baseten.add_project(team_id, "llama-3-ft")
    message = await a_message(env)
    await env.slack.message_shortcut(FROM_MESSAGE, message)
    await env.slack.until(lambda: len(env.slack.views) == 2)
    await env.slack.submit(await dialog(env), typed("name", "llama_3_ft"))
    await env.told()
    question = env.slack.ephemerals[0]
    assert question.thread_ts is None
    await env.slack.action(question, "create_anyway")
    await env.answered(2)
    assert env.slack.messages[-1].thread_ts == message.ts


@pytest.mark.parametrize("callback_id", [FROM_ANYWHERE, FROM_MESSAGE])
async def test_a_dialog_that_cannot_open_is_told_in_words(http: Env, callback_id: str) -> None:
    refusal = Respond(200, json={"ok": False, "error": "trigger_exchanged"})
    http.slack.faults.always("/api/views.open", refusal)
    if callback_id == FROM_MESSAGE:
        await http.slack.message_shortcut(callback_id, await a_message(http))
        assert "Slack closed the dialog" in await http.told()
    else:
        await http.slack.shortcut(callback_id)
        await http.answered()
        assert "Slack closed the dialog" in http.slack.messages[0].text


async def test_without_a_channel_nothing_is_opened(http: Env) -> None:
    await http.slack.shortcut(FROM_ANYWHERE)
    delivery = await http.slack.submit(await dialog(http), typed("name", "sft"))
    assert delivery.body["errors"] == {"channel": "Choose where to show it."}
    assert http.baseten.upserts == []
