"""The official Baseten SDK, with its strict models, works with the sandbox."""

import asyncio

import httpx
import pytest
from baseten.client import ManagementClient
from baseten.client.managementapi import (
    GetTrainingProjectsJobsLogsParams,
    SearchTrainingJobsRequest,
    UpsertTrainingProject,
    UpsertTrainingProjectRequest,
)

from bot.cli.demo_data import seed_demo_data
from bot.sandbox import SandboxBaseten, refusals


def client(baseten: SandboxBaseten) -> ManagementClient:
    # A client of its own: the SDK's would ask the environment for proxies.
    return ManagementClient(
        api_key=baseten.api_key,
        http_client_override=httpx.Client(
            base_url=baseten.url,
            headers={"Authorization": f"Bearer {baseten.api_key}"},
            trust_env=False,
        ),
        close_http_client_on_close=True,
    )


async def test_it_lists_the_teams_and_upserts_a_training_project(baseten: SandboxBaseten) -> None:
    seed_demo_data(baseten)
    wanted = UpsertTrainingProject(name="llama-3-finetune")

    def use() -> tuple[str, str, str]:
        with client(baseten) as sdk:
            teams = {team.name: team.id for team in sdk.api.get_teams().teams}
            request = UpsertTrainingProjectRequest(training_project=wanted)
            first, again = (
                sdk.api.post_teams_training_projects(team_id=teams["Research"], request=request)
                for _ in range(2)
            )
            project = first.training_project
            return project.name, project.id, again.training_project.id

    name, first_id, second_id = await asyncio.to_thread(use)
    assert name == "llama-3-finetune"
    assert first_id == second_id
    assert len(baseten.upserts) == 2


async def test_it_understands_every_answer(baseten: SandboxBaseten) -> None:
    team = baseten.add_team("Research", default=True)
    project = baseten.add_project(team["id"], "bert")["id"]
    job = baseten.add_job(project)["id"]
    baseten.add_logs(job, ["step 1"], level="INFO")

    def use() -> None:
        place = {"training_project_id": project, "training_job_id": job}
        with client(baseten) as sdk:
            assert sdk.api.get_teams().teams[0].default
            assert sdk.api.get_training_projects().training_projects[0].latest_job
            one = sdk.api.get_training_projects_training_project_id(training_project_id=project)
            assert one.training_project.team_name == "Research"
            listed = sdk.api.get_training_projects_jobs(training_project_id=project)
            assert [each.id for each in listed.training_jobs] == [job]
            shown = sdk.api.get_training_projects_jobs_training_job_id(**place)
            assert shown.training_job.instance_type.gpu_count == 8
            params = GetTrainingProjectsJobsLogsParams.model_validate({"limit": 10})
            logs = sdk.api.get_training_projects_jobs_logs(**place, params=params)
            assert [line.message for line in logs.logs] == ["step 1"]
            found = sdk.api.post_training_jobs_search(request=SearchTrainingJobsRequest())
            assert len(found.training_jobs) == 1
            assert sdk.api.get_training_capacity().gpu_capacities[0].usage_count == 8

    await asyncio.to_thread(use)


async def test_it_reports_a_refusal(baseten: SandboxBaseten) -> None:
    baseten.faults.next("/v1/teams", refusals.not_found_404())

    def use() -> None:
        with client(baseten) as sdk:
            sdk.api.get_teams()

    with pytest.raises(Exception, match="404"):
        await asyncio.to_thread(use)
