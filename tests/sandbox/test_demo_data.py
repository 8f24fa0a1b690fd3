"""The demo's world."""

import httpx

from bot.cli.demo_data import seed_demo_data
from bot.sandbox import Clock, SandboxBaseten

WANTED = {"training_project": {"name": "Qwen3 Long Context"}}


async def test_it_holds_jobs_in_every_state_and_leaves_room_for_the_demo(
    baseten: SandboxBaseten, api: httpx.AsyncClient
) -> None:
    seed_demo_data(baseten)
    teams = (await api.get("/v1/teams")).json()["teams"]
    projects = (await api.get("/v1/training_projects")).json()["training_projects"]
    assert [(team["name"], team["default"]) for team in teams] == [
        ("Default", True),
        ("Research", False),
        ("Platform Team", False),
    ]
    jobs = [project["latest_job"] for project in projects if project["latest_job"]]
    assert {job["current_status"].removeprefix("TRAINING_JOB_") for job in jobs} == {
        "RUNNING",
        "COMPLETED",
        "FAILED",
        "PENDING",
    }
    advised = [job["error_message"] for job in jobs if job["error_message"]]
    assert len(advised) == 2
    assert any(project["latest_job"] is None for project in projects)
    assert "llama-3-finetune" not in {project["name"] for project in projects}
    assert all(project["created_at"] <= project["updated_at"] for project in projects)


async def test_one_job_moves_on_while_somebody_looks(
    baseten: SandboxBaseten, api: httpx.AsyncClient, clock: Clock
) -> None:
    seed_demo_data(baseten)
    seen = []
    clock.advance(500)  # nobody has opened it yet
    team = next(each["id"] for each in (await api.get("/v1/teams")).json()["teams"][2:])
    await api.post(f"/v1/teams/{team}/training_projects", json=WANTED)
    for _ in range(4):
        projects = (await api.get("/v1/training_projects")).json()["training_projects"]
        (job,) = (each["latest_job"] for each in projects if each["name"] == "Qwen3 Long Context")
        status = job["current_status"].removeprefix("TRAINING_JOB_")
        seen.append((status, job["error_message"] is not None))
        clock.advance(50)
    assert seen == [("PENDING", True), ("RUNNING", False), ("RUNNING", False), ("COMPLETED", False)]


async def test_what_one_job_waits_for_another_holds(
    baseten: SandboxBaseten, api: httpx.AsyncClient
) -> None:
    seed_demo_data(baseten)
    capacity = (await api.get("/v1/training/capacity")).json()
    assert [
        gpus["usage_count"] for gpus in next(iter(capacity.values())) if gpus["gpu_type"] == "H200"
    ] == [16]
