"""The list of projects and the search are two moments: of a job's two states, the later counts."""

import pytest

from bot.baseten.client import Baseten
from bot.connections import connections
from bot.projects.job_list import JobList
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env


@pytest.mark.parametrize("slow", ["search", "list"])
async def test_a_job_that_ends_between_the_two_answers_has_ended(idle_env: Env, slow: str) -> None:
    baseten = idle_env.baseten
    project = baseten.add_project(RESEARCH, "sft")["id"]
    job = baseten.add_job(project)["id"]
    async with connections(idle_env.settings()) as out:
        assert isinstance(out.baseten, Baseten)
        jobs = JobList(out.baseten, Tuning().now)
        first = await jobs.current(fresh=True)
        assert [each.job.current_status for each in first.jobs] == ["TRAINING_JOB_RUNNING"]
        if slow == "search":  # the projects are listed now; the search is of the last 30 seconds
            baseten.set_job(job, status="TRAINING_JOB_COMPLETED")
            await jobs.projects(fresh=True)
        else:  # as it is after a fresh search that no longer has the job
            baseten.set_job(job, status="TRAINING_JOB_COMPLETED")
            await jobs.current(fresh=True)
        (listed,) = (await jobs.current(fresh=False)).jobs
    assert listed.job.current_status == "TRAINING_JOB_COMPLETED"
    assert (listed.project.name, listed.project.team_name) == ("sft", "Research")
