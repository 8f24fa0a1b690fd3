"""One look at all watched jobs after another, over real sockets."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.sandbox import Respond
from bot.watches.notification import NOTIFY
from tests.watches.scene import Scene

SEARCH = "POST training_jobs/search"
LIST = "GET training_projects"


async def test_without_a_watch_nothing_is_asked(scene: Scene) -> None:
    assert (await scene.look()).in_seconds == 60
    assert scene.asked == []


async def test_a_change_is_reported_and_kept(scene: Scene) -> None:
    project = scene.project()
    watch = await scene.answer(project)
    await scene.look()
    assert await scene.notifications_of(watch) == []
    scene.set(scene.latest(project), "RUNNING")
    await scene.look()
    (notification,) = await scene.notifications_of(watch)
    assert [said.kind for said in notification.news] == ["moved"]
    kept = await scene.watches.get(watch.channel_id, watch.ts)
    assert kept == notification.watch
    assert kept is not None
    assert kept.running_since is not None
    assert scene.asked == [SEARCH, SEARCH]


async def test_a_job_that_ends_is_asked_for_by_itself_and_its_watch_is_over(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    scene.set(scene.latest(project), "COMPLETED")
    await scene.look()
    assert scene.asked == [SEARCH, f"GET training_projects/{project}"]
    (notification,) = await scene.notifications_of(watch)
    assert notification.ended
    assert await scene.watches.all() == []
    scene.baseten.requests.clear()
    await scene.look()
    assert scene.asked == []


async def test_a_project_is_fetched_once_however_many_messages_watch_it(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    watches = [await scene.answer(project) for _ in range(3)]
    scene.set(scene.latest(project), "FAILED")
    await scene.look()
    assert scene.asked == [SEARCH, f"GET training_projects/{project}"]
    for watch in watches:
        assert await scene.news(watch) == ["ended"]


async def test_a_newer_job_takes_over_in_the_one_request(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    newer = scene.job(project, "PENDING")
    await scene.look()
    assert scene.asked == [SEARCH]
    assert await scene.news(watch) == ["taken_over"]
    kept = await scene.watches.get(watch.channel_id, watch.ts)
    assert kept is not None
    assert kept.job is not None
    assert kept.job.id == newer


async def test_the_end_of_the_old_job_is_told_before_the_newer_takes_over(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    old = scene.latest(project)
    scene.set(old, "STOPPED")
    scene.job(project, "PENDING")
    await scene.look()
    assert scene.asked == [
        SEARCH,
        f"GET training_projects/{project}",
        f"GET training_projects/{project}/jobs/{old}",
    ]
    assert await scene.news(watch) == ["ended", "taken_over"]
    assert len(await scene.watches.all()) == 1


async def test_a_project_that_is_gone_ends_its_watch(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    scene.baseten.delete_project(project)
    await scene.look()
    assert await scene.notifications_of(watch) == []
    await scene.look()
    assert await scene.news(watch) == ["gone"]
    assert await scene.watches.all() == []


async def test_one_wrong_404_ends_nothing(scene: Scene) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    gone = Respond(404, {"code": "NOT_FOUND", "message": "Training project not found"})
    for _ in range(3):
        scene.set(scene.latest(project), "QUEUED")  # which no search returns
        scene.baseten.faults.next(f"/v1/training_projects/{project}", gone)
        await scene.look()
        scene.set(scene.latest(project), "RUNNING")
        await scene.look()
    assert await scene.notifications_of(watch) == []
    assert await scene.watches.all() == [watch]


async def test_a_job_that_is_gone_from_its_project_ends_its_watch(scene: Scene) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    assert watch.job is not None
    scene.set(watch.job.id, "FAILED")
    scene.job(project, "STOPPED", created_at=watch.job.created_at - timedelta(days=1))
    gone = Respond(404, {"code": "NOT_FOUND", "message": "Training job not found"})
    scene.baseten.faults.always(f".*/jobs/{watch.job.id}", gone)
    await scene.look()
    assert await scene.notifications_of(watch) == []
    await scene.look()
    assert await scene.news(watch) == ["lost"]
    assert await scene.watches.all() == []


@pytest.mark.parametrize("status", ["PENDING", "FAILED"])
async def test_the_first_job_of_a_project_is_seen_even_after_its_end(
    scene: Scene, status: str
) -> None:
    project = scene.project(status=None)
    watch = await scene.answer(project)
    await scene.look()
    scene.job(project, status)
    for _ in range(5):
        await scene.look(after=61)
    kinds = {"PENDING": "first_job", "FAILED": "ended"}
    assert await scene.news(watch) == [kinds[status]]
    assert scene.asked.count(LIST) == {"PENDING": 1, "FAILED": 2}[status]
    assert set(scene.asked) == {LIST, SEARCH}


async def test_a_project_that_went_before_it_had_a_job_is_missed(scene: Scene) -> None:
    watch = await scene.answer(project := scene.project(status=None))
    scene.baseten.delete_project(project)
    await scene.look()
    await scene.look()
    assert scene.asked == [LIST, f"GET training_projects/{project}"] * 2
    assert await scene.news(watch) == ["gone"]


async def test_where_the_search_is_refused_the_list_serves_for_an_hour(scene: Scene) -> None:
    scene.baseten.search_allowed = False
    project = scene.project()
    watch = await scene.answer(project)
    await scene.look()
    assert scene.asked == [SEARCH, LIST]
    scene.set(scene.latest(project), "RUNNING")
    await scene.look()
    assert scene.asked == [SEARCH, LIST, LIST]
    assert await scene.news(watch) == ["moved"]
    scene.set(scene.latest(project), "COMPLETED")
    await scene.look()
    assert scene.asked == [SEARCH, LIST, LIST, LIST]
    assert await scene.news(watch) == ["moved", "ended"]
    await scene.answer(scene.project("another"))
    await scene.look(after=3600)
    assert scene.asked == [SEARCH, LIST]


@pytest.mark.parametrize(
    "answer",
    [*(Respond(status) for status in (400, 403, 404, 405, 422)), Respond(200, body=b"<html>")],
)
async def test_however_the_search_is_refused_the_list_serves(scene: Scene, answer: Respond) -> None:
    scene.baseten.faults.always("/v1/training_jobs/search", answer)
    watch = await scene.answer(project := scene.project())
    scene.set(scene.latest(project), "RUNNING")
    await scene.look()
    await scene.look()
    assert scene.asked == [SEARCH, LIST, LIST]
    assert await scene.news(watch) == ["moved"]


async def test_from_the_list_too_the_end_of_an_old_job_is_told(scene: Scene) -> None:
    scene.baseten.search_allowed = False
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    scene.set(scene.latest(project), "FAILED")
    scene.job(project, "DEPLOYING")
    await scene.look()
    assert await scene.news(watch) == ["ended", "taken_over"]


async def test_where_both_are_refused_that_is_a_failure_and_both_are_tried_again(
    scene: Scene,
) -> None:
    scene.baseten.search_allowed = scene.baseten.list_projects_allowed = False
    await scene.answer(scene.project())
    with capture_logs() as logs:
        await scene.look()
        await scene.look(after=60)
    assert scene.asked == [SEARCH, LIST] * 2
    assert [line["log_level"] for line in logs].count("warning") == 1
    assert len(await scene.watches.all()) == 1


@pytest.mark.parametrize("count", [1, 1000])
async def test_a_look_is_one_request_for_one_watch_and_for_a_thousand(
    scene: Scene, count: int
) -> None:
    project = scene.project("first", "RUNNING")
    first = await scene.answer(project)
    for number in range(1, count):
        other = scene.project(f"run-{number}", "RUNNING")
        told = scene.baseten.project(other)
        watch = first.model_copy(
            update={
                "id": f"copy{number}",
                "ts": f"17000{number:05}.000100",
                "project": type(first.project).model_validate(told),
            }
        )
        await scene.watches.create(watch)
    assert len(await scene.watches.all()) == count
    for _ in range(3):
        await scene.look(after=61)
    assert scene.asked == [SEARCH] * 3
    assert await scene.claim(NOTIFY, 1) == []
