"""Many jobs that end at once, and projects that answer slowly."""

import asyncio

from bot.sandbox import Hang, Respond
from bot.watches.fetches import MOST_FETCHED
from bot.watches.job_lookup import LISTED_FROM
from bot.watches.model import Watch
from tests.watches.scene import Scene

SEARCH = "POST training_jobs/search"
LIST = "GET training_projects"


async def end_at_once(scene: Scene, count: int, name: str = "run") -> list[Watch]:
    """Watch a number of jobs, which end before the next poll."""
    watches = []
    for number in range(count):
        project = scene.project(f"{name}-{number}", "RUNNING")
        watches.append(await scene.answer(project))
        scene.set(scene.latest(project), "COMPLETED")
    return watches


async def test_no_more_projects_are_fetched_at_one_look_than_is_fair(scene: Scene) -> None:
    scene.baseten.list_projects_allowed = False
    await end_at_once(scene, MOST_FETCHED + 7)
    await scene.look()
    assert len(scene.asked) == 2 + MOST_FETCHED
    assert scene.asked.count(LIST) == 1
    assert len(await scene.live()) == 7
    await scene.look()
    assert len(scene.asked) == 2 + MOST_FETCHED + 1 + 7
    assert await scene.live() == []
    await end_at_once(scene, LISTED_FROM + 1, "again")
    await scene.look()  # that the list is refused holds for an hour
    assert len(scene.asked) == 1 + LISTED_FROM + 1
    assert LIST not in scene.asked


async def test_many_ends_at_once_are_found_in_the_list(scene: Scene) -> None:
    watches = await end_at_once(scene, 100)
    await scene.look()
    assert scene.asked == [SEARCH, LIST]
    for watch in watches:
        assert await scene.news(watch) == ["ended"]


async def test_what_the_list_does_not_settle_is_asked_for_by_itself(scene: Scene) -> None:
    first, second, *_ = await end_at_once(scene, LISTED_FROM + 3)
    scene.baseten.delete_project(first.project.id)
    scene.job(second.project.id, "PENDING")
    await scene.look()
    assert scene.asked[:2] == [SEARCH, LIST]
    gone, taken = first.project.id, second.project.id
    assert sorted(scene.asked[2:]) == sorted(
        [
            f"GET training_projects/{gone}",
            f"GET training_projects/{gone}/jobs/{first.job.id if first.job else ''}",
            f"GET training_projects/{taken}/jobs/{second.job.id if second.job else ''}",
        ]
    )
    assert await scene.news(second) == ["ended", "newer_job"]
    assert [watch.missing for watch in await scene.live() if watch.id == first.id] == [1]


async def test_a_few_ends_at_once_are_asked_for_by_themselves(scene: Scene) -> None:
    await end_at_once(scene, LISTED_FROM)
    await scene.look()
    assert LIST not in scene.asked
    assert await scene.live() == []


async def test_a_list_that_fails_holds_nothing_up(scene: Scene) -> None:
    scene.baseten.faults.next("/v1/training_projects", Respond(418))
    await end_at_once(scene, LISTED_FROM + 1)
    await scene.look()
    assert await scene.live() == []
    assert len(scene.asked) == 1 + 1 + LISTED_FROM + 1


async def test_what_is_known_is_reported_before_more_is_asked_for(scene: Scene) -> None:
    begun = await scene.answer(scene.project("begun"))
    quick = await scene.answer(scene.project("quick", "RUNNING"))
    slow = await scene.answer(scene.project("slow", "RUNNING"))
    scene.baseten.faults.next(f"/v1/training_projects/{slow.project.id}/.*", Hang())
    scene.set(scene.latest(begun.project.id), "RUNNING")
    for watch in (quick, slow):
        scene.set(scene.latest(watch.project.id), "COMPLETED")
    look = asyncio.create_task(scene.look())
    async with asyncio.timeout(20):
        while not await scene.news(begun) or not await scene.news(quick):
            await asyncio.sleep(0.01)
    assert not look.done()
    assert await scene.news(slow) == []
    look.cancel()


async def test_what_was_not_in_the_list_is_not_looked_for_there_again(scene: Scene) -> None:
    scene.baseten.search_allowed = False
    for watch in await end_at_once(scene, LISTED_FROM + 1):
        scene.baseten.delete_project(watch.project.id)
    await scene.look()
    assert scene.asked[:2] == [SEARCH, LIST]
    assert LIST not in scene.asked[2:]
    assert len(scene.asked) == 2 + 2 * (LISTED_FROM + 1)
