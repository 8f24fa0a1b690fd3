"""An answer is watched by one more person, or by the same one again."""

import asyncio
from functools import partial

import pytest

from bot.durable.store import Store
from bot.sandbox import Drop, Hang, Respond
from bot.slack.message import ReplyTarget, SlackCallFailed
from bot.watches.model import Watch
from bot.watches.poller import POLL
from bot.watches.start import WatchStarter
from bot.watches.store import Watches
from tests.watches.made import BEGIN
from tests.watches.scene import CHANNEL, Scene

DANA, KIM, LEE = "U0SANDBOX1", "U0KIM00001", "U0LEE00001"
UPDATE = "/api/chat.update"
CLOSED = Respond(200, {"ok": False, "error": "edit_window_closed"})


async def press(scene: Scene, watch: Watch, person: str, watches: Watches | None = None) -> None:
    """Press *Watch* on an answer, as the project is now."""
    watch_starter = WatchStarter(scene.poster, watches or scene.watches, scene.clock)
    read = partial(scene.client.get_training_project, watch.project.id)
    place = ReplyTarget(person, CHANNEL)
    await watch_starter.start(place, watch.ts, watch.message_state, await read(), read)


async def pressing_slowly(scene: Scene, watch: Watch) -> asyncio.Task[None]:
    """Begin to press, while Slack has too much to do."""
    scene.slack.requests.clear()
    scene.slack.faults.next(UPDATE, Respond(429, headers={"Retry-After": "1"}))
    joining = asyncio.create_task(press(scene, watch, KIM))
    await scene.slack.until(lambda: UPDATE in [each.path for each in scene.slack.requests])
    return joining


@pytest.mark.parametrize(("person", "watchers"), [(DANA, (DANA,)), (KIM, (DANA, KIM))])
async def test_a_watch_goes_on_with_what_it_has_seen(
    scene: Scene, person: str, watchers: tuple[str, ...]
) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    known = watch.model_copy(
        update={"running_since": BEGIN, "waiting_since": BEGIN, "told_waiting": True}
    )
    assert await scene.watches.record(watch, lambda _: known)
    scene.job(project, "PENDING", name="newer")
    await press(scene, watch, person)
    kept = await scene.watches.get(CHANNEL, watch.ts)
    assert kept == known.model_copy(update={"watchers": watchers})
    blocks = str(scene.answers[0].blocks)
    assert "running since" in blocks
    assert "newer" not in blocks
    assert all(f"<@{each}>" in blocks for each in watchers)
    await scene.look()
    assert await scene.news(watch) == ["newer_job"]


async def test_two_who_press_at_once_both_watch(scene: Scene) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    await scene.watches.stop(CHANNEL, watch.ts, watch.id)
    await asyncio.gather(press(scene, watch, DANA), press(scene, watch, KIM))
    (kept,) = await scene.live()
    assert set(kept.watchers) == {DANA, KIM}


async def test_a_watch_is_polled_soon_and_one_more_watcher_changes_no_poll(scene: Scene) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    await scene.watches.stop(CHANNEL, watch.ts, watch.id)
    await scene.look()
    await press(scene, watch, DANA)
    assert await scene.due_in(POLL) == 0
    await scene.look()
    await press(scene, watch, KIM)
    assert await scene.due_in(POLL) != 0


async def test_two_who_join_at_once_both_watch_and_are_shown(scene: Scene) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    await asyncio.gather(press(scene, watch, LEE), press(scene, watch, KIM))
    (kept,) = await scene.live()
    assert set(kept.watchers) == {DANA, KIM, LEE}
    assert all(f"<@{each}>" in str(scene.answers[0].blocks) for each in kept.watchers)


@pytest.mark.parametrize("watched", [True, False])
async def test_two_who_press_at_once_in_two_processes_both_watch(
    scene: Scene, elsewhere: Store, *, watched: bool
) -> None:
    for number in range(10):
        watch = await scene.answer(scene.project(f"run-{number}", status="RUNNING"))
        before = watch.watchers
        if not watched:
            await scene.watches.stop(CHANNEL, watch.ts, watch.id)
            before = ()
        other = press(scene, watch, KIM, Watches(elsewhere))
        await asyncio.gather(press(scene, watch, LEE), other)
        kept = await scene.watches.get(CHANNEL, watch.ts)
        assert kept is not None
        assert set(kept.watchers) == {*before, KIM, LEE}
        assert all(f"<@{each}>" in str(scene.answers[-1].blocks) for each in kept.watchers)


async def test_a_watch_that_another_version_wrote_gives_way_to_a_new_one(scene: Scene) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    key = f"{CHANNEL}:{watch.ts}"
    await scene.store.amend("watches", key, lambda _: {"from": "the future"})
    await press(scene, watch, KIM)
    assert [kept.watchers for kept in await scene.live()] == [(KIM,)]


async def test_a_slow_press_does_not_leave_an_old_picture(scene: Scene) -> None:
    watch = await scene.answer(project := scene.project())
    joining = await pressing_slowly(scene, watch)
    scene.set(scene.latest(project), "RUNNING")
    await scene.look_and_deliver()
    await joining
    assert "is running" in str(scene.answers[0].blocks)
    assert f"<@{KIM}>" in str(scene.answers[0].blocks)


async def test_a_watch_that_ends_during_a_press_is_not_begun_again(scene: Scene) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    joining = await pressing_slowly(scene, watch)
    scene.set(scene.latest(project), "COMPLETED")
    await scene.look_and_deliver()
    await joining
    assert await scene.live() == []
    assert f"<@{KIM}>" in scene.slack.messages[-1].text
    assert "Watched by" not in str(scene.answers[0].blocks)


async def test_an_unconfirmed_change_of_the_message_is_made_again(scene: Scene) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    await scene.watches.stop(CHANNEL, watch.ts, watch.id)
    scene.slack.faults.next(UPDATE, Drop(after=True))
    await press(scene, watch, KIM)
    assert "Stop watching" in str(scene.answers[0].blocks)
    assert [kept.watchers for kept in await scene.live()] == [(KIM,)]


async def test_what_may_be_shown_as_watched_is_watched(scene: Scene) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    await scene.watches.stop(CHANNEL, watch.ts, watch.id)
    scene.slack.faults.always(UPDATE, Drop(after=True))
    with pytest.raises(SlackCallFailed) as unconfirmed:
        await press(scene, watch, KIM)
    assert unconfirmed.value.retryable
    assert [kept.watchers for kept in await scene.live()] == [(KIM,)]


async def test_a_watch_whose_process_dies_before_it_is_shown_is_shown_by_the_next(
    scene: Scene,
) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    await scene.watches.stop(CHANNEL, watch.ts, watch.id)
    scene.slack.requests.clear()
    scene.slack.faults.next(UPDATE, Hang())
    dying = asyncio.create_task(press(scene, watch, KIM))
    await scene.slack.until(lambda: UPDATE in [each.path for each in scene.slack.requests])
    dying.cancel()
    await asyncio.wait([dying])
    (begun,) = await scene.live()
    await press(scene, watch, KIM)
    assert await scene.live() == [begun]
    assert f"Watched by <@{KIM}>" in str(scene.answers[0].blocks)


@pytest.mark.parametrize("faults", [(CLOSED,), (Drop(after=True), CLOSED)])
async def test_a_message_that_cannot_be_changed_is_watched_by_nobody_more(
    scene: Scene, faults: tuple[Drop | Respond, ...]
) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    scene.slack.faults.next(UPDATE, *faults)
    with pytest.raises(SlackCallFailed):
        await press(scene, watch, KIM)
    assert await scene.live() == [watch]


async def ended(scene: Scene) -> Watch:
    """Return a watch whose end is not delivered, and whose project has a further job."""
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    scene.set(scene.latest(project), "COMPLETED")
    await scene.look_at_end()
    scene.job(project, "PENDING", name="next")
    return watch


async def test_a_message_that_cannot_be_watched_again_still_reports_the_end(scene: Scene) -> None:
    watch = await ended(scene)
    scene.slack.faults.always(UPDATE, CLOSED)
    with pytest.raises(SlackCallFailed):
        await press(scene, watch, KIM)
    await scene.deliver()
    (reply,) = scene.slack.messages[1:]
    assert f"<@{DANA}>" in reply.text
    assert await scene.watches.all() == []


async def test_a_message_that_is_watched_again_and_stopped_still_reports_the_end(
    scene: Scene,
) -> None:
    watch = await ended(scene)
    await press(scene, watch, KIM)
    (newer,) = await scene.live()
    await scene.watches.stop(CHANNEL, watch.ts, newer.id, KIM)
    await scene.deliver()
    (reply,) = scene.slack.messages[1:]
    assert f"<@{DANA}>" in reply.text
    assert KIM not in reply.text
    assert await scene.watches.all() == []


async def test_a_message_that_can_be_changed_no_more_still_reports_the_end_to_the_others(
    scene: Scene,
) -> None:
    watch = await ended(scene)
    await press(scene, watch, KIM)
    scene.slack.faults.always(UPDATE, CLOSED)
    scene.clock.advance(15)
    await scene.deliver()
    told, reply = sorted(scene.slack.messages[1:], key=lambda each: each.thread_ts or "")
    assert told.channel == f"D{KIM[1:]}"
    assert f"<@{DANA}>" in reply.text
    assert KIM not in reply.text
    assert await scene.watches.all() == []


async def test_a_change_by_who_knows_an_older_watch_changes_nothing(scene: Scene) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    older = watch.model_copy(update={"id": "older"})
    assert not await scene.watches.record(older, lambda kept: kept)
    assert await scene.watches.stop(CHANNEL, watch.ts, "older") is None
    assert await scene.watches.stop(CHANNEL, watch.ts, "older", DANA) is None
    assert await scene.live() == [watch]
    assert await scene.watches.stop(CHANNEL, watch.ts, watch.id) == watch
    assert not await scene.watches.record(watch, lambda kept: kept)
    assert await scene.live() == []


async def test_a_watch_ends_with_its_last_watcher(scene: Scene) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    await press(scene, watch, KIM)
    both = watch.joined_by(KIM)
    assert await scene.watches.stop(CHANNEL, watch.ts, watch.id, DANA) == both
    (left,) = await scene.live()
    assert left.watchers == (KIM,)
    assert await scene.watches.stop(CHANNEL, watch.ts, watch.id, KIM) == left
    assert await scene.live() == []


async def test_a_watch_that_begins_before_the_end_of_the_last_one_is_delivered_keeps_its_news(
    scene: Scene,
) -> None:
    watch = await ended(scene)
    await press(scene, watch, KIM)
    await scene.deliver()
    (reply,) = [each for each in scene.slack.messages if each.thread_ts]
    assert f"<@{DANA}>" in reply.text
    assert KIM not in reply.text
    (kept,) = await scene.live()
    assert (kept.watchers, kept.outbox, kept.courier) == ((KIM,), (), "")
    assert "Stop watching" in str(scene.answers[0].blocks)
    assert "next" in str(scene.answers[0].blocks)
