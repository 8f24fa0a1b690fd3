"""Training jobs: their fields, their logs, and their planned changes."""

import time
from datetime import timedelta

import httpx
import pytest

from bot.sandbox import Clock, SandboxBaseten
from bot.sandbox.baseten.training import iso
from bot.sandbox.faults import Json

Api = httpx.AsyncClient


async def test_a_job_changes_and_its_project_with_it(
    baseten: SandboxBaseten, api: Api, clock: Clock
) -> None:
    project = baseten.add_project(baseten.add_team("Research")["id"], "bert")
    job = baseten.add_job(project["id"], status="TRAINING_JOB_PENDING", user_email=None)
    clock.advance(5)
    baseten.set_job(job["id"], status="TRAINING_JOB_FAILED", error_message="out of memory")
    listed = (await api.get("/v1/training_projects")).json()["training_projects"][0]
    shown = (await api.get(f"/v1/training_projects/{project['id']}/jobs/{job['id']}")).json()
    assert shown == {"training_project": listed, "training_job": listed["latest_job"]}
    assert listed["updated_at"] == listed["latest_job"]["updated_at"] == iso(clock())
    assert listed["latest_job"]["created_at"] == job["created_at"]
    assert listed["latest_job"]["error_message"] == "out of memory"
    assert listed["latest_job"]["user"] is None
    with pytest.raises(TypeError):
        baseten.set_job(job["id"], no_such_field=1)


async def test_a_script_runs_on_the_clock(baseten: SandboxBaseten, api: Api, clock: Clock) -> None:
    project = baseten.add_project(baseten.add_team("Research")["id"], "bert")
    job = baseten.add_job(project["id"], status="TRAINING_JOB_PENDING")
    begin = clock()
    running, done = {"status": "TRAINING_JOB_RUNNING"}, {"status": "TRAINING_JOB_COMPLETED"}
    baseten.script_job(job["id"], [(20, done), (10, running)])
    seen = []
    for seconds in (9, 2, 30):
        clock.advance(seconds)
        shown = (await api.get(f"/v1/training_projects/{project['id']}")).json()
        seen.append(shown["training_project"]["latest_job"])
    assert [job["current_status"].removeprefix("TRAINING_JOB_") for job in seen] == [
        "PENDING",
        "RUNNING",
        "COMPLETED",
    ]
    # A change is stamped with the time it was planned for, not with that of the look at it.
    assert seen[2]["updated_at"] == iso(begin + timedelta(seconds=20))
    assert baseten.job(job["id"]) == seen[2]
    assert baseten.project(project["id"])["latest_job"] == seen[2]


async def test_a_deleted_project_is_gone_with_its_jobs_and_plans(
    baseten: SandboxBaseten, api: Api, clock: Clock
) -> None:
    project = baseten.add_project(baseten.add_team("Research")["id"], "bert")
    job = baseten.add_job(project["id"])
    baseten.script_job(job["id"], [(1, {"status": "TRAINING_JOB_FAILED"})])
    baseten.delete_project(project["id"])
    clock.advance(2)
    assert (await api.get("/v1/training_projects")).json() == {"training_projects": []}
    assert (await api.post("/v1/training_jobs/search", json={})).json() == {"training_jobs": []}


async def test_logs_come_by_window_level_direction_and_limit(
    baseten: SandboxBaseten, api: Api, clock: Clock
) -> None:
    project = baseten.add_project(baseten.add_team("Research")["id"], "bert")
    job = baseten.add_job(project["id"])
    baseten.add_logs(job["id"], ["long ago"])
    clock.advance(3600)
    baseten.add_logs(job["id"], ["step 1", "step 2"])
    baseten.add_logs(job["id"], ["careful"], level="WARNING")
    path = f"/v1/training_projects/{project['id']}/jobs/{job['id']}/logs"

    async def messages(**query: str | int) -> list[str]:
        logs = (await api.get(path, params=query)).json()["logs"]
        return [line["message"] for line in logs]

    early = int((clock() - timedelta(hours=2)).timestamp() * 1000)
    assert set(await messages()) == {"step 1", "step 2", "careful"}
    assert await messages(limit=1, start_epoch_millis=early) == ["long ago"]
    assert (await messages(direction="desc", start_epoch_millis=early))[-1] == "long ago"
    assert await messages(min_level="INFO") == ["careful"]
    assert await messages(min_level="ERROR") == []
    (line,) = (await api.get(path, params={"min_level": "WARNING"})).json()["logs"]
    assert len(line["timestamp"]) == 19


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "direction=up",
        "min_level=X",
        "start_epoch_millis=1&end_epoch_millis=604800002",
    ],
)
async def test_a_query_that_logs_do_not_know_is_invalid(
    baseten: SandboxBaseten, api: Api, query: str
) -> None:
    project = baseten.add_project(baseten.add_team("Research")["id"], "bert")
    job = baseten.add_job(project["id"])
    answer = await api.get(f"/v1/training_projects/{project['id']}/jobs/{job['id']}/logs?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


async def test_a_search_filters_and_sorts(baseten: SandboxBaseten, api: Api, clock: Clock) -> None:
    team = baseten.add_team("Research")
    one, two = (baseten.add_project(team["id"], name)["id"] for name in ("one", "two"))
    jobs = {}
    for name, project, status, priority in [
        ("a", one, "TRAINING_JOB_PENDING", 0),
        ("b", one, "TRAINING_JOB_PENDING", 9),
        ("c", two, "TRAINING_JOB_FAILED", 0),
    ]:
        clock.advance(1)
        jobs[name] = baseten.add_job(project, name=name, status=status, priority=priority)

    async def names(**wanted: Json) -> str:
        found = (await api.post("/v1/training_jobs/search", json=wanted)).json()["training_jobs"]
        return "".join(job["name"] for job in found)

    assert await names() == "cba"
    assert await names(statuses=["TRAINING_JOB_PENDING"]) == "ba"
    assert await names(project_id=two) == "c"
    assert await names(job_id=jobs["a"]["id"], project_id=None, statuses=None) == "a"
    by_priority = {"field": "priority", "order": "desc"}
    then_age = {"field": "created_at", "order": "asc"}
    assert await names(order_by=[by_priority, then_age]) == "bac"
    for wrong in (
        {"order_by": [{"field": "no", "order": "asc"}]},
        {"statuses": ["TRAINING_JOB_PENDING", "TRAINING_JOB_NAPPING"]},
        {"statuses": 7},
    ):
        assert (await api.post("/v1/training_jobs/search", json=wrong)).status_code == 400


async def test_a_newer_job_takes_the_place_of_the_latest(
    baseten: SandboxBaseten, api: Api, clock: Clock
) -> None:
    project = baseten.add_project(baseten.add_team("Research")["id"], "bert")["id"]
    old = baseten.add_job(project)
    clock.advance(1)
    new = baseten.add_job(project, status="TRAINING_JOB_PENDING")
    path = f"/v1/training_projects/{project}"
    assert (await api.get(path)).json()["training_project"]["latest_job"] == new
    assert (await api.get(f"{path}/jobs/{old['id']}")).json()["training_job"] == old
    baseten.delete_project(project)
    for gone in (path, f"{path}/jobs", f"{path}/jobs/{old['id']}", f"{path}/jobs/{old['id']}/logs"):
        assert (await api.get(gone)).status_code == 404


async def test_a_thousand_jobs_and_their_scripts_are_cheap(
    baseten: SandboxBaseten, api: Api, clock: Clock
) -> None:
    team = baseten.add_team("Research")["id"]
    begin = time.process_time()
    for number in range(1000):
        project = baseten.add_project(team, f"p{number}")["id"]
        job = baseten.add_job(project, status="TRAINING_JOB_PENDING")["id"]
        ends = [(2, {"status": "TRAINING_JOB_RUNNING"}), (4, {"status": "TRAINING_JOB_COMPLETED"})]
        baseten.script_job(job, ends)
    found = []
    for _ in range(3):
        wanted = {"statuses": ["TRAINING_JOB_PENDING", "TRAINING_JOB_RUNNING"]}
        answer = await api.post("/v1/training_jobs/search", json=wanted)
        found.append(len(answer.json()["training_jobs"]))
        clock.advance(3)
    assert found == [1000, 1000, 0]
    assert time.process_time() - begin < 5


async def test_capacity_counts_the_gpus_in_use(baseten: SandboxBaseten, api: Api) -> None:
    project = baseten.add_project(baseten.add_team("Research")["id"], "bert")
    baseten.add_job(project["id"], node_count=2)
    baseten.add_job(project["id"], availability_model="SPOT")
    baseten.add_job(project["id"], status="TRAINING_JOB_COMPLETED")
    h100, h200 = (await api.get("/v1/training/capacity")).json()["gpu_capacities"]
    assert (h100["gpu_type"], h100["usage_count"], h100["limit"]) == ("H100", 24, 64)
    assert (h100["dedicated_usage_count"], h100["spot_usage_count"]) == (16, 8)
    assert h200["usage_count"] == 0


async def test_a_job_stops_a_moment_after_the_call(
    baseten: SandboxBaseten, api: Api, clock: Clock
) -> None:
    baseten.stops_after(2)
    project = baseten.add_project(baseten.add_team("Research")["id"], "bert")
    path = f"/v1/training_projects/{project['id']}/jobs/{baseten.add_job(project['id'])['id']}"
    answer = await api.post(f"{path}/stop", json={})
    assert (answer.status_code, list(answer.json())) == (200, ["training_job"])
    assert answer.json()["training_job"]["current_status"] == "TRAINING_JOB_RUNNING"
    clock.advance(3)
    shown = (await api.get(path)).json()["training_job"]
    assert shown["current_status"] == "TRAINING_JOB_STOPPED"
    refused = await api.post(f"{path}/stop", json={})
    assert (refused.status_code, refused.json()["code"]) == (400, "VALIDATION_ERROR")


async def test_each_recreate_starts_one_more_job_like_the_first(
    baseten: SandboxBaseten, api: Api, clock: Clock
) -> None:
    project = baseten.add_project(baseten.add_team("Research")["id"], "bert")["id"]
    old = baseten.add_job(project, status="TRAINING_JOB_FAILED", error_message="x", node_count=2)
    clock.advance(5)
    path = f"/v1/training_projects/{project}/jobs/{old['id']}/recreate"
    made = [(await api.post(path, json={})).json()["training_job"] for _ in range(2)]
    assert len({old["id"], *(job["id"] for job in made)}) == 3
    assert baseten.job_ids(project) == (old["id"], *(job["id"] for job in made))
    new = {"current_status": "TRAINING_JOB_PENDING", "error_message": None}
    times = {"created_at": iso(clock()), "updated_at": iso(clock())}
    assert made[0] == old | new | times | {"id": made[0]["id"]}


async def test_only_a_pending_job_can_be_updated(baseten: SandboxBaseten, api: Api) -> None:
    project = baseten.add_project(baseten.add_team("Research")["id"], "bert")["id"]
    job = baseten.add_job(project, status="TRAINING_JOB_PENDING")["id"]
    path = f"/v1/training_projects/{project}/jobs/{job}"
    for change in ({"priority": 5}, {"availability_model": "spot"}):
        shown = (await api.patch(path, json=change)).json()["training_job"]
        assert change.items() <= shown.items()
    strange: list[Json] = [{}, {"priority": "5"}, {"priority": True}, {"name": "x"}, []]
    for change in (*strange, {"availability_model": "free"}):
        assert (await api.patch(path, json=change)).status_code == 400
    baseten.set_job(job, status="TRAINING_JOB_RUNNING")
    assert (await api.patch(path, json={"priority": 6})).status_code == 400
    assert baseten.job(job)["priority"] == 5
