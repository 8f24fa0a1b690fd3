"""One look at all watched jobs after another, over real sockets."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.sandbox import Respond
from bot.watches.model import DELIVER
from bot.watches.news import Ended, NewerJob
from tests.watches.scene import CHANNEL, Scene

SEARCH = "POST training_jobs/search"
LIST = "GET training_projects"


async def test_without_a_watch_nothing_is_asked(scene: Scene) -> None:
    assert (await scene.look()).in_seconds == 60
    assert scene.asked == []


async def test_a_change_is_reported_and_kept(scene: Scene) -> None:
    project = scene.project()
    watch = await scene.answer(project)
    await scene.look()
    assert await scene.news(watch) == []
    scene.set(scene.latest(project), "RUNNING")
    await scene.look()
    assert await scene.news(watch) == ["moved"]
    (kept,) = await scene.live()
    assert kept.running_since is not None
    assert (kept.revision, kept.drawn) == (1, 0)
    assert (await scene.delivery(watch)).state == {"channel_id": CHANNEL, "ts": watch.ts}
    assert scene.asked == [SEARCH, SEARCH]


async def test_a_job_that_ends_is_asked_for_by_itself_and_its_watch_is_over(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    job = scene.latest(project)
    scene.set(job, "COMPLETED")
    await scene.look()
    assert scene.asked == [SEARCH, f"GET training_projects/{project}/jobs/{job}"]
    assert await scene.news(watch) == ["ended"]
    kept = await scene.present(watch)
    assert kept is not None
    assert kept.ended
    scene.baseten.requests.clear()
    await scene.look()
    assert scene.asked == []


async def test_an_end_is_reported_15_seconds_after_the_last_update_of_the_job(scene: Scene) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    await scene.look()
    scene.clock.advance(10)
    scene.set(scene.latest(project), "FAILED")
    await scene.look(after=5)
    assert await scene.news(watch) == []
    (held,) = await scene.live()
    assert held.revision == 0, "one update of the message shows the end"
    scene.clock.advance(10)
    scene.set(scene.latest(project), "FAILED", error_message="exit code 1")
    await scene.look(after=5)
    assert await scene.news(watch) == []
    await scene.look()
    (item,) = await scene.outbox(watch)
    assert isinstance(item.news, Ended)
    assert item.news.job.error_message == "exit code 1"


async def test_a_clock_of_baseten_that_is_wrong_delays_an_end_by_15_seconds_only(
    scene: Scene,
) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    later = scene.clock() + timedelta(hours=1)
    scene.set(scene.latest(project), "COMPLETED", updated_at=later)
    await scene.look()
    assert await scene.news(watch) == []
    await scene.look()
    assert await scene.news(watch) == ["ended"]


async def test_an_end_that_was_seen_is_reported_though_baseten_does_not_answer_any_more(
    scene: Scene,
) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    await scene.look()
    scene.clock.advance(15)
    scene.set(scene.latest(project), "COMPLETED")
    await scene.look(after=0)
    assert await scene.news(watch) == []
    scene.baseten.faults.always(".*", Respond(400, {"code": "X", "message": "no"}))
    await scene.look()
    assert await scene.news(watch) == ["ended"]


async def test_a_status_that_is_not_known_is_an_end(scene: Scene) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    scene.set(scene.latest(project), "EVAPORATED")
    await scene.look()
    assert await scene.news(watch) == ["ended"]


async def test_a_project_is_fetched_once_however_many_messages_watch_it(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    watches = [await scene.answer(project) for _ in range(3)]
    job = scene.latest(project)
    scene.set(job, "FAILED")
    await scene.look()
    assert scene.asked == [SEARCH, f"GET training_projects/{project}/jobs/{job}"]
    for watch in watches:
        assert await scene.news(watch) == ["ended"]


async def test_a_newer_job_is_announced_once_in_the_one_request(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    old = scene.latest(project)
    watch = await scene.answer(project)
    newer = scene.job(project, "PENDING")
    for _ in range(3):
        await scene.look()
    assert scene.asked == [SEARCH] * 3
    assert await scene.news(watch) == ["newer_job"]
    (kept,) = await scene.live()
    assert kept.job is not None
    assert kept.job.id == old
    assert kept.summary().newer_job == newer
    scene.job(project, "PENDING")
    await scene.look()
    assert await scene.news(watch) == ["newer_job"] * 2


async def test_the_watched_job_is_followed_to_its_end_whatever_else_is_pushed(
    scene: Scene,
) -> None:
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    old = scene.latest(project)
    newer = scene.job(project, "PENDING")
    await scene.look()
    scene.set(newer, "RUNNING")
    await scene.look()
    scene.set(newer, "FAILED")
    await scene.look()
    scene.set(old, "STOPPED")
    scene.baseten.requests.clear()
    await scene.look()
    assert scene.asked == [SEARCH, f"GET training_projects/{project}/jobs/{old}"]
    assert await scene.news(watch) == ["newer_job", "ended"]


async def test_of_two_watches_in_one_thread_one_announces_a_newer_job_to_all(
    scene: Scene,
) -> None:
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    other = watch.model_copy(
        update={"id": "other", "ts": f"{float(watch.ts) + 60:.6f}", "watchers": ("U0KIM00001",)}
    )
    await scene.watches.create(other)
    scene.job(project, "PENDING")
    await scene.look()
    (item,) = await scene.outbox(watch)
    assert isinstance(item.news, NewerJob)
    assert item.news.also == (*watch.watchers, "U0KIM00001")
    assert await scene.news(other) == []
    kept = await scene.present(other)
    assert kept is not None
    assert kept.newer is not None


async def test_a_project_that_is_gone_ends_its_watch(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    scene.baseten.delete_project(project)
    await scene.look()
    assert await scene.news(watch) == []
    await scene.look()
    assert await scene.news(watch) == ["gone"]
    assert await scene.live() == []


async def test_one_wrong_404_ends_nothing(scene: Scene) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    gone = Respond(404, {"code": "NOT_FOUND", "message": "Training project not found"})
    for _ in range(3):
        scene.set(scene.latest(project), "QUEUED")  # which no search returns
        scene.baseten.faults.next(f"/v1/training_projects/{project}/jobs/.*", gone)
        scene.baseten.faults.next(f"/v1/training_projects/{project}", gone)
        await scene.look()
        scene.set(scene.latest(project), "RUNNING")
        await scene.look()
    assert await scene.news(watch) == []
    assert [each.missing for each in await scene.live()] == [0]


async def test_a_job_that_is_gone_from_its_project_ends_its_watch(scene: Scene) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    assert watch.job is not None
    scene.set(watch.job.id, "FAILED")
    scene.job(project, "STOPPED", created_at=watch.job.created_at - timedelta(days=1))
    gone = Respond(404, {"code": "NOT_FOUND", "message": "Training job not found"})
    scene.baseten.faults.always(f".*/jobs/{watch.job.id}", gone)
    await scene.look()
    assert await scene.news(watch) == []
    await scene.look()
    assert await scene.news(watch) == ["lost"]
    assert await scene.live() == []


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


async def test_from_the_list_too_a_newer_job_and_the_end_of_the_old_one_are_told(
    scene: Scene,
) -> None:
    scene.baseten.search_allowed = False
    project = scene.project(status="RUNNING")
    watch = await scene.answer(project)
    scene.set(scene.latest(project), "FAILED")
    scene.job(project, "DEPLOYING")
    await scene.look()
    assert await scene.news(watch) == ["ended", "newer_job"]


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
    assert len(await scene.live()) == 1


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
    assert len(await scene.live()) == count
    for _ in range(3):
        await scene.look(after=61)
    assert scene.asked == [SEARCH] * 3
    assert await scene.claim(DELIVER, 1) == []
