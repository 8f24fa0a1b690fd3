"""Too many notifications at once: Slack still has room for the updates after clicks."""

import asyncio

from bot.durable.model import RunAgain, State
from bot.durable.store import Store
from bot.watches.model import DELIVER
from tests.watches.scene import Scene


class SlowStore(Store):
    """A store that is read by many at once."""

    async def read(self, collection: str, key: str) -> State | None:
        await asyncio.sleep(0.01)
        return await super().read(collection, key)


async def bring(scene: Scene, count: int) -> list[RunAgain]:
    """Deliver notifications with one `NotificationHandler`; return the rescheduled ones."""
    handler = scene.handler
    came = [await scene.attempt(task, handler) for task in await scene.claim(DELIVER, count)]
    return [then for then in came if isinstance(then, RunAgain)]


async def test_what_tells_nothing_new_waits_while_much_is_drawn(scene: Scene) -> None:
    project = scene.project()
    watches = [await scene.answer(project) for _ in range(34)]
    scene.baseten.set_job(scene.latest(project), error_message="Spot capacity is available.")
    await scene.look()
    later = await bring(scene, 34)
    # Each is given a moment of its own.
    assert [then.in_seconds for then in later] == [60, 62, 64, 66]
    assert sum(answer.edits for answer in scene.answers) == 30
    scene.clock.advance(67)
    for watch in watches:
        await scene.wake(watch)
    assert await bring(scene, 34) == []
    assert sum(answer.edits for answer in scene.answers) == 34


async def test_of_notifications_that_come_at_once_no_more_are_drawn_than_there_is_room_for(
    scene: Scene,
) -> None:
    scene.keep_in(SlowStore)
    project = scene.project()
    for _ in range(34):
        await scene.answer(project)
    scene.baseten.set_job(scene.latest(project), error_message="Spot capacity is available.")
    await scene.look()
    handler, tasks = scene.handler, await scene.claim(DELIVER, 34)
    came = await asyncio.gather(*(scene.attempt(task, handler) for task in tasks))
    assert [then.in_seconds for then in came if isinstance(then, RunAgain)] == [60, 62, 64, 66]
    assert sum(answer.edits for answer in scene.answers) == 30


async def test_news_waits_too_but_comes_first(scene: Scene) -> None:
    project = scene.project()
    for _ in range(42):
        await scene.answer(project)
    scene.set(scene.latest(project), "RUNNING")
    await scene.look()
    assert len(await bring(scene, 42)) == 2
    assert len(scene.replies) == 40


async def test_the_budget_is_of_one_minute(scene: Scene) -> None:
    project = scene.project()
    for _ in range(31):
        await scene.answer(project)
    scene.baseten.set_job(scene.latest(project), error_message="Spot capacity is available.")
    await scene.look()
    handler = scene.handler
    later = 0
    for task in await scene.claim(DELIVER, 31):
        scene.clock.advance(2.1)
        later += isinstance(await handler.handle(scene.context(task)), RunAgain)
    assert later == 0
