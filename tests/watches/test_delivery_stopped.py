"""Somebody stops the watch while its notification is on its way, or begins another."""

import asyncio

from bot.durable.model import Done, Outcome, RunAgain
from bot.sandbox import Hang, PostedMessage, Respond
from bot.slack.message import Message, ReplyTarget
from bot.views.project import project_message
from bot.watches.model import DELIVER, Watch
from tests.watches.scene import Scene

POST, UPDATE = "/api/chat.postMessage", "/api/chat.update"
LATER = Respond(429, headers={"Retry-After": "60"})


def drawn(message: PostedMessage) -> str:
    return str(message.blocks)


async def stopped(scene: Scene, watch: Watch) -> None:
    """Stop the watch, as a person does: it ends, and the message is drawn without it."""
    await scene.watches.stop(watch.channel_id, watch.ts, watch.id)
    await draw(scene, watch, project_message(watch.project, watch.message_state))


async def draw(scene: Scene, watch: Watch, message: Message) -> None:
    await scene.poster.update(ReplyTarget("", watch.channel_id), watch.ts, message)


async def refused_at_first(scene: Scene, path: str) -> asyncio.Task[list[Outcome]]:
    """Bring the notification as far as to where Slack has not taken something yet."""
    scene.slack.requests.clear()
    scene.slack.faults.next(path, Respond(429, headers={"Retry-After": "0.5"}))
    bringing = asyncio.create_task(scene.deliver())
    await scene.slack.until(lambda: path in [one.path for one in scene.slack.requests])
    return bringing


async def test_nothing_is_told_of_a_watch_that_was_stopped(scene: Scene) -> None:
    watch = await scene.moved()
    await scene.watches.stop(watch.channel_id, watch.ts, watch.id)
    assert await scene.deliver() == [Done()]
    assert scene.replies == []
    assert "Watched by" not in drawn(scene.answers[0])
    assert await scene.watches.all() == []


async def test_a_stop_while_slack_takes_the_message_is_not_drawn_away(scene: Scene) -> None:
    watch = await scene.moved()
    bringing = await refused_at_first(scene, UPDATE)
    await stopped(scene, watch)
    assert await bringing == [Done()]
    assert "atched by" not in drawn(scene.answers[0])
    assert "stop_watching" not in drawn(scene.answers[0])
    assert scene.answers[0].edits == 3
    assert scene.replies == []


async def test_a_stop_is_drawn_again_when_slack_takes_it(scene: Scene) -> None:
    watch = await scene.moved()
    bringing = await refused_at_first(scene, UPDATE)
    await scene.watches.stop(watch.channel_id, watch.ts, watch.id)
    scene.slack.faults.next(UPDATE, Respond(200, {"ok": True}), LATER)
    (then,) = await bringing
    assert isinstance(then, RunAgain)
    await draw(
        scene, watch, project_message(watch.project, watch.message_state, watch=watch.summary())
    )
    await scene.try_again(watch)
    assert "atched by" not in drawn(scene.answers[0])
    assert scene.replies == []


async def test_a_stop_is_drawn_again_by_who_takes_over(scene: Scene) -> None:
    watch = await scene.moved()
    (task,) = await scene.claim(DELIVER, 1)
    scene.slack.requests.clear()
    scene.slack.faults.next(UPDATE, Hang())
    dying = asyncio.create_task(scene.attempt(task))
    await scene.slack.until(lambda: len(scene.slack.requests) == 1)
    dying.cancel()
    await asyncio.wait([dying])
    await scene.abandon(task)
    await scene.watches.stop(watch.channel_id, watch.ts, watch.id)
    # The request of the killed process arrives late.
    await draw(
        scene, watch, project_message(watch.project, watch.message_state, watch=watch.summary())
    )
    assert await scene.deliver() == [Done()]
    assert "atched by" not in drawn(scene.answers[0])
    assert scene.replies == []


async def test_another_watch_that_begins_meanwhile_is_not_drawn_away(scene: Scene) -> None:
    watch = await scene.moved()
    bringing = await refused_at_first(scene, UPDATE)
    await scene.watches.stop(watch.channel_id, watch.ts, watch.id)
    other = watch.model_copy(update={"id": "another", "watchers": ("U0SANDBOX1", "U0KIM")})
    await scene.watches.create(other)
    assert await bringing == [Done()]
    assert "U0KIM" in drawn(scene.answers[0])
    assert scene.replies == []
    assert [each.id for each in await scene.live()] == ["another"]


async def test_a_watch_that_is_stopped_between_two_replies_says_no_more(scene: Scene) -> None:
    watch = await scene.answer(project := scene.project())
    for status in ("DEPLOYING", "RUNNING"):
        scene.set(scene.latest(project), status)
        await scene.look()
    bringing = await refused_at_first(scene, POST)
    await scene.watches.stop(watch.channel_id, watch.ts, watch.id)
    scene.clock.advance(15)
    assert await bringing == [Done()]
    assert len(scene.replies) == 1
    assert await scene.watches.all() == []


async def test_two_processes_never_deliver_one_outbox_at_once(scene: Scene) -> None:
    watch = await scene.moved("DEPLOYING")
    (first,) = await scene.claim(DELIVER, 1)
    scene.set(scene.latest(watch.project.id), "RUNNING")
    await scene.look()
    assert await scene.claim(DELIVER, 1) == []
    assert await scene.attempt(first) == Done()
    assert [reply.split(" ")[0] for reply in scene.replies] == ["🚀", "▶️"]


async def test_a_delivery_that_another_has_replaced_takes_nothing_off_the_outbox(
    scene: Scene,
) -> None:
    watch = await scene.moved()
    kept = await scene.present(watch)
    assert kept is not None
    older = kept.model_copy(update={"courier": "older"})
    assert await scene.watches.settle(older, lambda now: now.without(kept.outbox[0])) is None
    assert await scene.present(watch) == kept
