"""An answer is watched by one more person, or by the same one again."""

import asyncio

import pytest

from bot.message import NotTakenError
from bot.posting import Place
from bot.sandbox import Respond
from bot.watching.following import Following
from bot.watching.watches import Watch
from tests.watching.made import BEGIN
from tests.watching.scene import CHANNEL, Scene

DANA, KIM = "U0SANDBOX1", "U0KIM00001"


async def press(scene: Scene, watch: Watch, person: str) -> None:
    """Press *Watch* on an answer, as the project is now."""
    following = Following(scene.poster, scene.watches, scene.clock)
    project = await scene.client.get_training_project(watch.project.id)
    await following.begin(Place(person, CHANNEL), watch.ts, watch.card, project)


@pytest.mark.parametrize(("person", "watchers"), [(DANA, (DANA,)), (KIM, (DANA, KIM))])
async def test_a_watch_goes_on_with_what_it_has_seen(
    scene: Scene, person: str, watchers: tuple[str, ...]
) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    known = watch.model_copy(
        update={"running_since": BEGIN, "waiting_since": BEGIN, "told_waiting": True}
    )
    await scene.watches.save(known)
    scene.job(project, "PENDING", name="newer")
    await press(scene, watch, person)
    kept = await scene.watches.of(CHANNEL, watch.ts)
    assert kept == known.model_copy(update={"watchers": watchers})
    blocks = str(scene.answers[0].blocks)
    assert "Running since" in blocks
    assert "newer" not in blocks
    assert all(f"<@{each}>" in blocks for each in watchers)
    await scene.look()
    assert await scene.news(watch) == ["taken_over"]


async def test_two_who_press_at_once_both_watch(scene: Scene) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    await scene.watches.end(CHANNEL, watch.ts)
    await asyncio.gather(press(scene, watch, DANA), press(scene, watch, KIM))
    (kept,) = await scene.watches.every()
    assert set(kept.watchers) == {DANA, KIM}


async def test_a_message_that_cannot_be_changed_is_watched_by_nobody_more(scene: Scene) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    refused = Respond(200, {"ok": False, "error": "edit_window_closed"})
    scene.slack.faults.next("/api/chat.update", refused)
    with pytest.raises(NotTakenError):
        await press(scene, watch, KIM)
    assert await scene.watches.every() == [watch]


async def test_a_change_by_who_knows_an_older_watch_changes_nothing(scene: Scene) -> None:
    watch = await scene.answer(scene.project(status="RUNNING"))
    older = watch.model_copy(update={"id": "older"})
    assert not await scene.watches.save(older)
    assert await scene.watches.end(CHANNEL, watch.ts, "older") is None
    assert await scene.watches.every() == [watch]
    assert await scene.watches.end(CHANNEL, watch.ts, watch.id) == watch
    assert await scene.watches.join(CHANNEL, watch.ts, KIM) is None
    assert not await scene.watches.save(watch)
    assert await scene.watches.every() == []
