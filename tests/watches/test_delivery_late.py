"""Notifications that Slack does not take for long, and that fail again and again."""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.durable.model import Done, RunAgain, Save
from bot.sandbox import Respond
from bot.watches.changes import LONGEST
from bot.watches.model import DELIVER, Watch
from tests.watches.scene import Scene

POST, UPDATE = "/api/chat.postMessage", "/api/chat.update"
LIMIT = Respond(429, headers={"Retry-After": "60"})


def refused(code: str) -> Respond:
    return Respond(200, {"ok": False, "error": code})


async def retry(scene: Scene, watch: Watch) -> float:
    """Deliver a notification that Slack refuses; return the seconds until the next attempt."""
    await scene.wake(watch)
    (then,) = await scene.deliver()
    assert isinstance(then, RunAgain)
    return then.in_seconds


async def failed(scene: Scene, watch: Watch, *, drawn: bool = False) -> None:
    """Let a notification fail again and again, as for a reason that nobody foresaw."""
    for _ in range(10):
        await scene.wake(watch)
        (task,) = await scene.claim(DELIVER, 1)
        state = task.state | {"drawn": 1} if drawn else task.state
        failed = replace(task, state=state, failures=task.failures + 1, step_may_have_run=True)
        await scene.store.write(Save(failed, delay=0.0))


# Slack takes it late


async def test_what_slack_does_not_take_is_tried_less_and_less_often(scene: Scene) -> None:
    watch = await scene.moved()
    scene.slack.faults.always(UPDATE, LIMIT)
    for least in (60, 120, 240, 480, 600, 600):  # from the wait that Slack asks for
        assert least <= await retry(scene, watch) <= 1.5 * least
    scene.slack.faults.clear()
    scene.slack.faults.next(POST, LIMIT)
    assert 60 <= await retry(scene, watch) <= 90
    await scene.try_again(watch)
    assert len(scene.replies) == 1


@pytest.mark.parametrize(
    "code",
    [
        "accesslimited",
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "org_login_required",
        "token_revoked",
    ],
)
@pytest.mark.parametrize("path", [POST, UPDATE])
async def test_what_an_operator_can_mend_is_waited_for(scene: Scene, path: str, code: str) -> None:
    watch = await scene.moved()
    scene.slack.faults.always(path, refused(code))
    scene.clock.advance(7200)
    await retry(scene, watch)
    assert [kept.id for kept in await scene.live()] == [watch.id]
    scene.slack.faults.clear()
    await scene.try_again(watch)
    assert len(scene.replies) == 1


async def test_where_a_bad_token_may_not_look_nothing_is_taken_as_posted(scene: Scene) -> None:
    scene.slack.scopes += ("channels:history",)
    watch = await scene.moved()
    scene.slack.faults.next(POST, Respond(200, body=b"no JSON"))
    assert await retry(scene, watch) == 5
    scene.slack.faults.next("/api/conversations.replies", refused("invalid_auth"))
    assert 30 <= await retry(scene, watch) <= 45
    assert await retry(scene, watch) == 25
    await scene.try_again(watch)
    assert len(scene.replies) == 1


@pytest.mark.parametrize("status", ["RUNNING", "COMPLETED"])
async def test_what_nothing_came_after_is_told_after_days(scene: Scene, status: str) -> None:
    watch = await scene.moved(status)
    scene.clock.advance(timedelta(days=13).total_seconds())
    scene.slack.faults.next(UPDATE, LIMIT)
    await retry(scene, watch)
    await scene.try_again(watch)
    assert len(scene.replies) == 1


async def test_what_slack_never_takes_is_dropped_when_no_watch_lasts_longer(scene: Scene) -> None:
    await scene.moved("COMPLETED")
    scene.clock.advance(LONGEST.total_seconds() + 60)
    scene.slack.faults.next(UPDATE, LIMIT)
    with capture_logs() as logs:
        assert await scene.deliver() == [Done()]
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "Slack refuses a part of a notification",
        "dropped a notification",
    ]
    assert await scene.watches.all() == []


async def test_stale_news_is_dropped_where_there_is_newer(scene: Scene) -> None:
    watch = await scene.moved()
    scene.slack.faults.always(POST, LIMIT)
    await retry(scene, watch)
    scene.set(scene.latest(watch.project.id), "COMPLETED")
    await scene.look_at_end()
    scene.clock.advance(3000)
    await retry(scene, watch)
    assert await scene.news(watch) == ["moved", "ended"]
    scene.clock.advance(700)
    await retry(scene, watch)
    assert await scene.news(watch) == ["ended"]
    scene.clock.advance(7200)
    await retry(scene, watch)
    scene.slack.faults.clear()
    await scene.try_again(watch)
    assert [reply.split(" ")[0] for reply in scene.replies] == ["✅"]


# It fails, or cannot be read


async def test_news_that_fail_again_and_again_are_dropped(scene: Scene) -> None:
    watch = await scene.moved()
    await failed(scene, watch)
    with capture_logs() as logs:
        await scene.try_again(watch)
        scene.clock.advance(15)
    assert [line["event"] for line in logs] == ["dropped a notification"]
    (kept,) = await scene.live()
    assert kept.drawn == kept.revision, "what fails first is dropped first: the update"
    assert scene.answers[0].edits == 0
    assert len(scene.replies) == 1


async def test_an_end_that_fails_again_and_again_is_told_directly(scene: Scene) -> None:
    watch = await scene.moved("FAILED")
    await failed(scene, watch, drawn=True)
    await scene.try_again(watch)
    told = scene.slack.messages[-1]
    assert told.channel == "D0SANDBOX1"
    assert "because posting there kept failing" in told.text
    assert "had failed" in told.text
    assert await scene.watches.all() == []


async def test_a_farewell_that_fails_again_and_again_is_dropped(scene: Scene) -> None:
    watch = await scene.moved("FAILED")
    scene.slack.add_channel("C0SANDBOX1", archived=True)
    scene.slack.faults.always(POST, LIMIT)
    await retry(scene, watch)
    assert await scene.news(watch) == ["farewell"]
    await failed(scene, watch, drawn=True)
    await scene.try_again(watch)
    assert await scene.watches.all() == []
    assert len(scene.slack.messages) == 1


async def test_a_delivery_of_a_watch_that_cannot_be_read_ends(scene: Scene) -> None:
    watch = await scene.moved()
    await scene.store.amend(
        "watches", f"{watch.channel_id}:{watch.ts}", lambda _: {"from": "the future"}
    )
    assert await scene.deliver() == [Done()]
    assert scene.replies == []
