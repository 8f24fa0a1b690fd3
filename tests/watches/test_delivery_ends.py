"""Slack refuses more updates: the watch ends, and its watchers get direct messages."""

import pytest
from structlog.testing import capture_logs

from bot.durable.model import Done, RunAgain
from bot.sandbox import PostedMessage, Respond
from bot.watches.model import Watch
from tests.watches.scene import CHANNEL, Scene

POST, UPDATE = "/api/chat.postMessage", "/api/chat.update"
DIRECT = "D0SANDBOX1"  # between the bot and U0SANDBOX1


def refused(code: str) -> Respond:
    return Respond(200, {"ok": False, "error": code})


def drawn(message: PostedMessage) -> str:
    return str(message.blocks)


def told(scene: Scene, channel: str = DIRECT) -> list[str]:
    """Return the direct messages to a person."""
    return [message.text for message in scene.slack.messages if message.channel == channel]


async def test_of_a_deleted_message_its_watchers_are_told_and_no_thread(scene: Scene) -> None:
    project = scene.project()
    watch = await scene.answer(project)
    await scene.begin_anew(watch.model_copy(update={"watchers": ("U0SANDBOX1", "", "U0DANA")}))
    await scene.poster._client.chat_delete(channel=CHANNEL, ts=watch.ts)  # noqa: SLF001 - as people do
    scene.set(scene.latest(project), "RUNNING")
    with capture_logs() as logs:
        await scene.look_and_deliver()
    assert not [line for line in logs if line["log_level"] == "error"]
    assert [message.channel for message in scene.slack.messages] == [DIRECT, "D0DANA"]
    for text in told(scene) + told(scene, "D0DANA"):
        assert "*support-bot-sft* in <#C0SANDBOX1>" in text
        assert "the message that I kept up to date was deleted" in text
        assert "was running" in text
    assert scene.slack.ephemerals == []
    assert await scene.live() == []
    await scene.look_and_deliver(after=60)
    assert len(scene.slack.messages) == 2


async def test_the_end_of_a_job_is_in_the_last_words(scene: Scene) -> None:
    project = scene.project()
    watch = await scene.answer(project)
    await scene.poster._client.chat_delete(channel=CHANNEL, ts=watch.ts)  # noqa: SLF001 - as people do
    scene.set(scene.latest(project), "FAILED")
    await scene.end_and_deliver()
    (text,) = told(scene)
    assert "had failed" in text
    assert scene.replies == []


async def deleted_before_the_reply(
    scene: Scene, watch: Watch, ts: str, deleting: Respond | None = None
) -> None:
    """Deliver a notification; a person deletes a message before the retry of the reply."""
    scene.slack.faults.next(POST, Respond(429, headers={"Retry-After": "60"}))
    await scene.deliver()
    await scene.poster._client.chat_delete(channel=CHANNEL, ts=ts)  # noqa: SLF001 - as people do
    if deleting is not None:
        scene.slack.faults.next("/api/chat.delete", deleting)
    await scene.try_again(watch)


@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
async def test_of_a_message_that_is_deleted_before_the_reply_no_reply_is_left_in_the_channel(
    scene: Scene, status: str
) -> None:
    watch = await scene.moved(status)
    await deleted_before_the_reply(scene, watch, watch.ts)
    assert [message.channel for message in scene.slack.messages] == [DIRECT]
    assert "the message that I kept up to date was deleted" in told(scene)[0]
    assert await scene.live() == []


async def test_an_answer_whose_thread_is_gone_is_drawn_without_its_watch(scene: Scene) -> None:
    first = await scene.answer(scene.project("first"))
    watch = await scene.answer(project := scene.project())
    await scene.watches.stop(CHANNEL, first.ts, first.id)
    await scene.begin_anew(watch.model_copy(update={"thread_ts": first.ts}))
    scene.set(scene.latest(project), "RUNNING")
    await scene.look()
    await deleted_before_the_reply(scene, watch, first.ts)
    assert [message.channel for message in scene.slack.messages] == [CHANNEL, DIRECT]
    assert "no longer lets me reply in its thread" in told(scene)[0]
    assert "stop_watching" not in drawn(scene.answers[0])


async def test_a_reply_that_is_astray_and_stays_still_ends_the_watch(scene: Scene) -> None:
    watch = await scene.moved()
    await deleted_before_the_reply(scene, watch, watch.ts, refused("cant_delete_message"))
    assert len(told(scene)) == 1
    assert await scene.live() == []


async def test_of_an_archived_channel_its_watchers_are_told_directly(scene: Scene) -> None:
    await scene.moved()
    scene.slack.add_channel(CHANNEL, archived=True)
    await scene.deliver()
    assert scene.replies == []
    (text,) = told(scene)
    assert "the channel is archived" in text
    assert await scene.live() == []


async def test_who_takes_no_direct_message_is_told_in_the_channel(scene: Scene) -> None:
    await scene.moved()
    scene.slack.faults.next(UPDATE, refused("message_not_found"))
    scene.slack.faults.next(POST, refused("user_not_found"))
    assert await scene.deliver() == [Done()]
    assert told(scene) == []
    (ephemeral,) = scene.slack.ephemerals
    assert "was deleted" in ephemeral.text


async def test_last_words_that_slack_cannot_take_now_are_said_later(scene: Scene) -> None:
    watch = await scene.moved()
    scene.slack.faults.next(UPDATE, refused("message_not_found"))
    scene.slack.faults.next(POST, Respond(429, headers={"Retry-After": "60"}))
    (then,) = await scene.deliver()
    assert isinstance(then, RunAgain)
    assert scene.slack.ephemerals == []
    await scene.try_again(watch)
    assert len(told(scene)) == 1


@pytest.mark.parametrize(
    "code",
    ["message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"],
)
async def test_an_update_that_is_refused_for_ever_ends_the_watch(scene: Scene, code: str) -> None:
    await scene.moved()
    scene.slack.faults.next(UPDATE, refused(code))
    assert await scene.deliver() == [Done()]
    assert await scene.live() == []
    assert len(told(scene)) == 1
    assert scene.replies == []


@pytest.mark.parametrize(
    "code",
    [
        "cannot_reply_to_message",
        "channel_is_archived",
        "is_archived",
        "not_in_channel",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
        "thread_not_found",
    ],
)
async def test_a_reply_that_is_refused_for_ever_ends_the_watch(scene: Scene, code: str) -> None:
    await scene.moved()
    scene.slack.faults.next(POST, refused(code))
    assert await scene.deliver() == [Done()]
    assert await scene.live() == []
    (text,) = told(scene)
    assert "change the message" not in text
    if "archived" not in code and code != "not_in_channel":
        assert "Slack no longer lets me reply in its thread" in text
        assert code not in text
    (answer,) = [message for message in scene.answers if message.channel == CHANNEL]
    assert "is running" in drawn(answer)
    assert "atched by" not in drawn(answer)
    assert "stop_watching" not in drawn(answer)


async def test_the_message_is_drawn_without_the_watch_when_slack_takes_it(scene: Scene) -> None:
    watch = await scene.moved()
    scene.slack.faults.next(POST, refused("restricted_action"))
    limit = Respond(429, headers={"Retry-After": "60"})
    scene.slack.faults.next(UPDATE, Respond(200, {"ok": True}), limit)
    (then,) = await scene.deliver()
    assert isinstance(then, RunAgain)
    assert told(scene) == []
    await scene.try_again(watch)
    assert scene.answers[0].edits == 1
    assert "atched by" not in drawn(scene.answers[0])
    assert len(told(scene)) == 1


async def test_a_message_that_cannot_be_drawn_without_the_watch_is_left(scene: Scene) -> None:
    await scene.moved()
    scene.slack.faults.next(POST, refused("is_archived"))
    scene.slack.faults.next(UPDATE, Respond(200, {"ok": True}), refused("is_inactive"))
    assert await scene.deliver() == [Done()]
    assert len(told(scene)) == 1


async def test_an_end_that_cannot_be_told_in_its_thread_is_told_directly(scene: Scene) -> None:
    await scene.moved("FAILED")
    scene.slack.faults.next(POST, refused("restricted_action"))
    assert await scene.deliver() == [Done()]
    (text,) = told(scene)
    assert "had failed" in text
    assert scene.answers[0].edits == 1


@pytest.mark.parametrize(
    "code",
    ["ekm_access_denied", "invalid_blocks", "message_limit_exceeded", "user_is_restricted"],
)
async def test_an_end_whose_reply_slack_will_not_have_is_told_directly(
    scene: Scene, code: str
) -> None:
    await scene.moved("FAILED")
    scene.slack.faults.next(POST, refused(code))
    assert await scene.deliver() == [Done()]
    (text,) = told(scene)
    assert "Slack no longer lets me reply in its thread" in text
    assert code not in text
    assert "had failed" in text
    assert scene.replies == []


async def test_a_watch_that_begins_while_the_last_one_meets_its_end_goes_on(
    scene: Scene,
) -> None:
    watch = await scene.moved("COMPLETED")
    other = watch.model_copy(update={"id": "another", "watchers": ("U0KIM00001",)})
    await scene.watches.create(other)
    scene.slack.faults.next(POST, refused("restricted_action"))
    await scene.deliver()
    assert [kept.id for kept in await scene.live()] == ["another"]
    assert told(scene) == []


async def test_what_slack_will_not_have_is_left_out_and_the_rest_is_told(scene: Scene) -> None:
    await scene.moved()
    scene.slack.faults.next(UPDATE, refused("invalid_blocks"))
    with capture_logs() as logs:
        assert await scene.deliver() == [Done()]
    assert len(scene.replies) == 1
    assert any(line["log_level"] == "error" for line in logs)
    assert len(await scene.live()) == 1


async def test_of_two_pieces_of_news_that_meet_the_same_end_one_farewell_is_told(
    scene: Scene,
) -> None:
    project = scene.project()
    await scene.answer(project)
    for status in ("RUNNING", "FAILED"):
        scene.set(scene.latest(project), status)
        await scene.look_at_end()
    scene.slack.add_channel(CHANNEL, archived=True)
    await scene.deliver()
    (text,) = told(scene)
    assert "had failed" in text
