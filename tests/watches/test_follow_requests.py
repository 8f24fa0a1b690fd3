"""One poll serves every follow: the number of its requests depends on the jobs alone."""

import asyncio
from datetime import timedelta

import pytest

from bot.durable.model import Done, Task
from bot.follows.model import JOB_POST, Follow, Kind, Level, Scope
from bot.follows.store import Follows
from bot.sandbox import Delay, Respond
from bot.watches.followed import FollowedJobs
from bot.watches.poller import PollInterval
from bot.watches.tracked import TrackedJobs, tracked
from tests.documents import documents_of
from tests.watches.scene import QUEUE, Scene

AN_HOUR = 3601.0


async def follow(
    scene: Scene, number: int, scope: Scope, level: Level = Level.ALL, channel: str = ""
) -> Follow:
    """Start a follow, in a channel of its own unless it is given."""
    new = Follow(
        id=f"{number:032x}",
        scope=scope,
        channel_id=channel or f"C0CHANNEL{number}",
        created_by="U0SANDBOX1",
        level=level,
        since=scene.clock() - timedelta(microseconds=1),
    )
    await Follows(scene.store, queue=QUEUE).begin(new)
    return new


def team() -> Scope:
    return Scope(kind=Kind.TEAM, team="Research")


async def job_posts(scene: Scene) -> list[Task]:
    return list(await scene.claim(JOB_POST, 10_000))


async def requests_of(scene: Scene, after: float = 16) -> list[str]:
    scene.baseten.requests.clear()
    await scene.look(after)
    return sorted(scene.asked)


@pytest.mark.parametrize("count", [1, 500])
async def test_a_look_makes_as_many_requests_for_one_follow_as_for_five_hundred(
    scene: Scene, count: int
) -> None:
    project = scene.project(status=None)
    quiet = [scene.project(f"quiet-{number}", None) for number in range(3)]
    for number in range(count):
        await follow(scene, number, team())
    every_project = "GET training_projects"
    assert await requests_of(scene) == [every_project]
    job = scene.job(project, "RUNNING")
    of_the_project = f"GET training_projects/{project}/jobs"
    assert await requests_of(scene) == [every_project, of_the_project]
    assert len(await job_posts(scene)) == count
    search = "POST training_jobs/search"
    assert await requests_of(scene) == [every_project, search]
    older, job = job, scene.job(project, "RUNNING")
    assert await requests_of(scene) == [every_project, of_the_project, search]
    scene.set(older, "FAILED")
    scene.set(job, "FAILED")
    of_the_job = f"GET training_projects/{project}/jobs/{older}"
    assert await requests_of(scene) == [every_project, of_the_job, search]
    assert len(await job_posts(scene)) == count  # of the newer job, whose start is posted
    await requests_of(scene)
    assert await requests_of(scene) == [every_project]
    assert quiet


async def test_many_jobs_that_end_at_once_are_read_in_the_list(scene: Scene) -> None:
    await follow(scene, 0, team(), Level.ENDS)
    projects = [scene.project(f"project-{number}", None) for number in range(30)]
    await requests_of(scene)
    jobs = [scene.job(project, "RUNNING") for project in projects]
    await requests_of(scene)
    assert len(await requests_of(scene)) == 7  # the list, the search, and 5 projects left over
    for job in jobs:
        scene.set(job, "COMPLETED")
    assert await requests_of(scene) == ["GET training_projects", "POST training_jobs/search"]
    await requests_of(scene)
    assert len(await job_posts(scene)) == 30


async def test_a_first_follow_reads_the_jobs_of_no_old_project(scene: Scene) -> None:
    for number in range(5):
        scene.project(f"old-{number}", "COMPLETED")
    scene.clock.advance(1)
    await follow(scene, 0, team())
    assert await requests_of(scene) == ["GET training_projects"]
    assert await requests_of(scene) == ["GET training_projects"]


async def test_a_project_whose_jobs_cannot_be_read_now_is_read_later(scene: Scene) -> None:
    await follow(scene, 0, team(), Level.ENDS)
    project = scene.project("new", None)
    await requests_of(scene)
    job = scene.job(project, "RUNNING")
    scene.set(job, "FAILED")
    scene.job(project, "RUNNING")
    scene.baseten.faults.next(r"/v1/training_projects/\w+/jobs", Respond(409, {"error": "busy"}))
    await requests_of(scene)
    await requests_of(scene)
    await requests_of(scene)
    assert [task.state["project"]["latest_job"]["id"] for task in await job_posts(scene)] == [job]


async def test_a_project_that_cannot_be_read_now_loses_no_job_to_a_newer_one_elsewhere(
    scene: Scene,
) -> None:
    await follow(scene, 0, team())
    await requests_of(scene)
    busy, other = scene.project("busy", None), scene.project("other", None)
    job, newer = scene.job(busy, "RUNNING"), scene.job(other, "RUNNING")
    scene.baseten.faults.next(f"/v1/training_projects/{busy}/jobs", Respond(503))
    for expected in (newer, job):
        await requests_of(scene)
        (task,) = await job_posts(scene)
        assert task.state["project"]["latest_job"]["id"] == expected


async def test_many_projects_that_cannot_be_read_do_not_keep_another_from_being_read(
    scene: Scene,
) -> None:
    await follow(scene, 0, team())
    await requests_of(scene)
    for number in range(61):
        project = scene.project(f"project-{number}", "RUNNING")
        if number != 30:
            scene.baseten.faults.always(f"/v1/training_projects/{project}/jobs", Respond(409))
    for _ in range(60):  # its chance in each is 25 of 61
        assert len(await requests_of(scene)) <= 1 + 1 + 25
        if await job_posts(scene):
            return
    pytest.fail("it was not read")


@pytest.mark.parametrize("lost", [False, True])
async def test_a_request_for_one_project_or_job_is_sent_once_in_a_look(
    scene: Scene, *, lost: bool
) -> None:
    project = scene.project("one", None)
    await follow(scene, 0, Scope(kind=Kind.PROJECT, project_id=project))
    await follow(scene, 1, team())
    await requests_of(scene)
    old = scene.job(project, "RUNNING")
    every, search = "GET training_projects", "POST training_jobs/search"
    scene.baseten.faults.always("/v1/training_projects/.+", Respond(503))
    jobs = f"{every}/{project}/jobs"
    assert await requests_of(scene) == [every, jobs]
    scene.baseten.faults.clear()
    await requests_of(scene)
    scene.baseten.faults.always("/v1/training_projects/.+", Respond(503))
    if lost:
        scene.baseten.delete_project(project)
        await requests_of(scene)
        missing = Respond(404, {"error": "not found"})
        scene.baseten.faults.always(f"/v1/training_projects/{project}/jobs/{old}", missing)
        by_id = f"{every}/{project}"  # for the job, and for the follow
        expected = ["GET teams", every, by_id, by_id, f"{jobs}/{old}", search]
        assert await requests_of(scene) == expected
    else:
        scene.set(old, "FAILED")
        scene.job(project, "RUNNING")
        assert await requests_of(scene) == [every, jobs, f"{jobs}/{old}", search]


async def test_where_the_key_cannot_read_the_jobs_the_latest_one_is_posted(scene: Scene) -> None:
    await follow(scene, 0, team())
    project = scene.project("new", None)
    await requests_of(scene)
    scene.baseten.faults.always(
        r"/v1/training_projects/\w+/jobs", Respond(403, {"error": "forbidden"})
    )
    scene.job(project, "RUNNING")
    await requests_of(scene)
    assert len(await job_posts(scene)) == 1


async def test_a_deleted_job_lets_no_old_one_be_posted(scene: Scene) -> None:
    await follow(scene, 0, team(), Level.ENDS)
    project = scene.project("one", None)
    old = scene.job(project, "RUNNING")
    await requests_of(scene)
    scene.set(old, "FAILED")
    await requests_of(scene)
    await requests_of(scene)
    assert len(await job_posts(scene)) == 1
    scene.baseten.delete_project(project)
    await requests_of(scene)
    await requests_of(scene)
    assert await job_posts(scene) == []
    await requests_of(scene, AN_HOUR)
    assert await documents_of(scene.store, "followed jobs") == {}


async def test_the_loss_of_a_job_is_posted_for_the_follows_that_wait_for_its_end(
    scene: Scene,
) -> None:
    project = scene.project("one", None)
    own = Scope(kind=Kind.PROJECT, project_id=project, name="one", team="Research")
    await follow(scene, 0, team(), Level.ENDS)
    live = "C0CHANNEL0"
    await follow(scene, 1, own, channel=live)
    waits = await follow(scene, 2, team(), Level.ENDS)
    await follow(scene, 3, team(), Level.FAILURES)
    await follow(scene, 4, Scope(kind=Kind.TEAM, team="Another"), Level.ENDS)
    await requests_of(scene)
    job = scene.job(project, "RUNNING")
    await requests_of(scene)
    assert [task.lane for task in await job_posts(scene)] == [live]
    scene.job(project, "FAILED")
    scene.baseten.faults.always("/v1/training_jobs/search", Respond(200, {"training_jobs": []}))
    path = f"/v1/training_projects/{project}/jobs/{job}"
    scene.baseten.faults.always(path, Respond(404, {"error": "not found"}))
    for _ in range(3):
        await requests_of(scene)
    lost = [task.lane for task in await job_posts(scene) if task.state["lost"]]
    assert lost == [waits.channel_id]


async def test_without_a_follow_no_job_is_tracked_and_no_list_is_requested(scene: Scene) -> None:
    first = await follow(scene, 0, team())
    scene.job(scene.project(status=None), "RUNNING")
    await requests_of(scene)
    assert await documents_of(scene.store, "followed jobs")
    await Follows(scene.store, queue=QUEUE).end(first, by="U0SANDBOX1")
    assert await requests_of(scene, PollInterval().slow) == []
    assert await documents_of(scene.store, "followed jobs") == {}


async def test_a_follow_that_begins_during_a_look_keeps_the_jobs_that_run(scene: Scene) -> None:
    project = await scene.client.get_training_project(scene.project(status="RUNNING"))
    assert project.latest_job is not None
    jobs, follows = TrackedJobs(scene.store), Follows(scene.store, queue=QUEUE)
    for number in range(100, 200):  # it takes a while to read them
        await follow(scene, number, Scope(kind=Kind.TEAM, team="Another"))
    job = jobs.addition(tracked(project, project.latest_job, scene.clock()))
    for steps in range(60):
        new = await follow(scene, steps, team())
        await follows.end(new, by=new.created_by)
        beginning = asyncio.create_task(follows.begin(new, job))
        for _ in range(steps):
            await asyncio.sleep(0)
        followed = FollowedJobs(scene.client, scene.store, Follows(scene.store, queue=QUEUE))
        await followed.read(scene.clock())
        await beginning
        assert await documents_of(scene.store, "followed jobs"), steps
        await follows.end(new, by=new.created_by)
        await followed.read(scene.clock())
        assert not await documents_of(scene.store, "followed jobs")


async def test_a_job_that_starts_during_the_look_in_which_its_follow_begins_is_posted(
    scene: Scene,
) -> None:
    await follow(scene, 0, Scope(kind=Kind.TEAM, team="Another"))
    scene.baseten.add_team("Another", id="another1")
    other = str(scene.baseten.add_project("another1", "other")["id"])
    project = scene.project("new", None)
    await requests_of(scene)
    scene.baseten.requests.clear()
    scene.baseten.faults.next("/v1/training_projects", Delay(0.3))
    looking = asyncio.create_task(scene.look(61))
    await scene.baseten.until(lambda: "GET training_projects" in scene.asked)
    await follow(scene, 1, team())
    job = scene.job(project, "RUNNING")
    newer = scene.job(other, "RUNNING")
    await looking
    await requests_of(scene)
    posted = [task.state["project"]["latest_job"]["id"] for task in await job_posts(scene)]
    assert sorted(posted) == sorted([job, newer])


async def test_a_later_follow_lets_no_job_be_posted_again_whose_tasks_are_forgotten(
    scene: Scene,
) -> None:
    await follow(scene, 0, team(), Level.ENDS)
    await follow(scene, 0, team())
    project = scene.project("one", None)
    await requests_of(scene)
    scene.job(project, "RUNNING")
    scene.set(scene.job(project, "RUNNING"), "FAILED")
    for _ in range(3):
        await requests_of(scene)
    posted = await job_posts(scene)
    assert len(posted) == 2
    for task in posted:
        await scene.save(task, Done())
    scene.clock.advance(1)
    assert await scene.store.prune(-1) == 2
    await follow(scene, 1, Scope(kind=Kind.PROJECT, project_id=project))
    for _ in range(3):
        await requests_of(scene)
    assert await job_posts(scene) == []


async def test_a_project_that_the_list_lacked_once_lets_no_old_job_be_posted(scene: Scene) -> None:
    await follow(scene, 0, team())
    await follow(scene, 0, team(), Level.ENDS)
    project = scene.project("one", None)
    await requests_of(scene)
    scene.set(scene.job(project, "RUNNING"), "FAILED")
    await requests_of(scene)
    await requests_of(scene)
    assert len(await job_posts(scene)) == 1
    scene.baseten.faults.next("/v1/training_projects", Respond(200, {"training_projects": []}))
    await requests_of(scene)
    assert await requests_of(scene) == ["GET training_projects"]
    assert len(await documents_of(scene.store, "followed jobs")) == 1
    assert await requests_of(scene, AN_HOUR) == ["GET training_projects"]
    assert await job_posts(scene) == []
    assert await documents_of(scene.store, "followed jobs") == {}


async def test_many_deleted_projects_are_looked_for_by_id_a_few_at_a_time(scene: Scene) -> None:
    projects = [scene.project(f"project-{number}", None) for number in range(30)]
    for number, project in enumerate(projects):
        for more in (0, 100):
            scope = Scope(kind=Kind.PROJECT, project_id=project, name="llama", team="Research")
            await follow(scene, number + more, scope)
    assert await requests_of(scene) == ["GET training_projects"]
    for project in projects:
        scene.baseten.delete_project(project)
    assert len(await requests_of(scene, 61)) == 1 + 25
    assert len(await requests_of(scene, 61)) == 1 + 5
    assert await documents_of(scene.store, "follows") == {}
    assert await requests_of(scene, 61) == []
