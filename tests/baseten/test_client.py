"""The requests and the results of the client, over real HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from bot.baseten.client import Baseten
from bot.baseten.errors import BasetenError, Refused
from bot.baseten.measures import GpuCapacity, Metrics, TeamCapacity
from bot.sandbox import Clock, Drop, Respond, SandboxBaseten, refusals
from bot.sandbox.baseten.training import ENDED, KNOWN
from bot.sandbox.faults import Fault, Garble
from bot.telemetry.redaction import Redactor


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sandbox(clock: Clock) -> AsyncIterator[SandboxBaseten]:
    async with SandboxBaseten(now=clock) as sandbox:
        sandbox.add_team("Research", id="wp7ndew")
        sandbox.add_project("wp7ndew", "bert", id="yqvj7q3")
        yield sandbox


@pytest.fixture
async def baseten(sandbox: SandboxBaseten) -> AsyncIterator[Baseten]:
    async with httpx.AsyncHTTPTransport() as transport:
        yield Baseten(transport, sandbox.url, sandbox.api_key, 5, Redactor([sandbox.api_key]))


async def test_a_search_finds_what_has_not_ended_in_every_project(
    sandbox: SandboxBaseten, baseten: Baseten, clock: Clock
) -> None:
    other = sandbox.add_project("wp7ndew", "other")["id"]
    for number, status in enumerate(sorted(KNOWN)):
        clock.advance(1)
        sandbox.add_job(other if number % 2 else "yqvj7q3", status=status, name=status)
    found = await baseten.search_training_jobs()
    assert {job.current_status for job in found} == KNOWN - ENDED
    assert {job.training_project_id for job in found} == {"yqvj7q3", other}


async def test_a_search_is_asked_again_where_it_failed(
    sandbox: SandboxBaseten, baseten: Baseten
) -> None:
    sandbox.faults.next("/v1/training_jobs/search", refusals.bad_gateway_html_502())
    assert await baseten.search_training_jobs() == []
    assert len(sandbox.requests) == 2


async def test_a_key_that_may_not_search_or_see_the_capacity_is_refused(
    sandbox: SandboxBaseten, baseten: Baseten
) -> None:
    sandbox.search_allowed = sandbox.capacity_allowed = False
    for ask in (baseten.search_training_jobs, baseten.get_capacity):
        with pytest.raises(Refused) as refusal:
            await ask()
        assert (refusal.value.status, refusal.value.code) == (403, "PERMISSION_DENIED")


async def test_one_job_is_read_also_when_it_is_not_the_latest(
    sandbox: SandboxBaseten, baseten: Baseten
) -> None:
    old = sandbox.add_job("yqvj7q3", name="old")["id"]
    sandbox.add_job("yqvj7q3", name="new")
    job = (await baseten.get_job_in_project("yqvj7q3", old)).training_job
    assert (job.name, job.training_project_id) == ("old", "yqvj7q3")
    with pytest.raises(Refused) as refusal:
        await baseten.get_job_in_project("yqvj7q3", "a/b?c")
    assert refusal.value.status == 404
    assert sandbox.requests[-1].path.count("/") == 5, "an id stays within its place in the path"


async def test_the_last_lines_come_oldest_first(
    sandbox: SandboxBaseten, baseten: Baseten, clock: Clock
) -> None:
    job = sandbox.add_job("yqvj7q3")["id"]
    sandbox.add_logs(job, [f"step {number}" for number in range(5)], level="INFO")
    lines = await baseten.get_training_job_logs("yqvj7q3", job, 3)
    assert [line.message for line in lines] == ["step 2", "step 3", "step 4"]
    assert {line.level for line in lines} == {"INFO"}
    assert lines[-1].timestamp
    assert timedelta() <= clock() - lines[-1].timestamp < timedelta(seconds=1)


@pytest.mark.parametrize("later", [timedelta(), timedelta(hours=3), timedelta(days=30)], ids=str)
async def test_the_last_lines_of_a_job_are_found_long_after_its_end(
    sandbox: SandboxBaseten, baseten: Baseten, clock: Clock, later: timedelta
) -> None:
    job = sandbox.add_job("yqvj7q3")["id"]
    sandbox.add_logs(job, ["the end"])
    clock.advance(5 * 86_400)  # the job logged nothing until a user stopped it
    ended_at = clock()
    clock.advance(later.total_seconds())
    lines = await baseten.get_training_job_logs("yqvj7q3", job, 10, ended_at)
    assert [line.message for line in lines] == ["the end"]
    assert await baseten.get_training_job_logs("yqvj7q3", job, 10) == []


async def test_a_line_that_followed_the_end_is_found(
    sandbox: SandboxBaseten, baseten: Baseten, clock: Clock
) -> None:
    job = sandbox.add_job("yqvj7q3")["id"]
    ended_at = clock()
    clock.advance(30)
    sandbox.add_logs(job, ["Killed"])
    (line,) = await baseten.get_training_job_logs("yqvj7q3", job, 10, ended_at)
    assert line.message == "Killed"


async def test_more_lines_than_the_api_gives_are_refused_by_it(
    sandbox: SandboxBaseten, baseten: Baseten
) -> None:
    job = sandbox.add_job("yqvj7q3")["id"]
    assert await baseten.get_training_job_logs("yqvj7q3", job, 1000) == []
    with pytest.raises(Refused, match="limit"):
        await baseten.get_training_job_logs("yqvj7q3", job, 1001)


async def test_the_capacity_is_read(sandbox: SandboxBaseten, baseten: Baseten) -> None:
    sandbox.add_job("yqvj7q3", node_count=2)
    assert (await baseten.get_capacity()).gpu_capacities == [
        GpuCapacity(gpu_type="H100", limit=64, usage_count=16),
        GpuCapacity(gpu_type="H200", limit=16, usage_count=0),
    ]


@pytest.mark.parametrize("answer", [{}, {"gpu_capacities": None}, {"gpu_capacities": []}])
async def test_a_capacity_that_is_not_told_is_none(
    sandbox: SandboxBaseten, baseten: Baseten, answer: dict[str, None]
) -> None:
    sandbox.faults.next("/v1/training/capacity", Respond(200, answer))
    assert not (await baseten.get_capacity()).gpu_capacities


async def test_a_team_with_a_limit_of_its_own_has_that_one(
    sandbox: SandboxBaseten, baseten: Baseten
) -> None:
    sandbox.capacities = {"A100-40GB": 64}
    sandbox.team_capacities = {("wp7ndew", "A100-40GB"): 8}
    found = await baseten.get_capacity()
    team = TeamCapacity(gpu_type="A100-40GB", limit=8, team_name="Research")
    assert found.of("A100_40gb", "Research") == team
    everybody = GpuCapacity(gpu_type="A100-40GB", limit=64)
    assert found.of("A100_40gb", "Another") == everybody
    assert found.of("H100", "Research") is None


async def test_a_team_without_a_known_limit_has_the_organizations(
    sandbox: SandboxBaseten, baseten: Baseten
) -> None:
    ours = {"gpu_type": "H100", "team_name": "Research", "limit": None, "usage_count": 3}
    body = {"gpu_capacities": [{"gpu_type": "H100", "limit": 64}], "team_gpu_capacities": [ours]}
    sandbox.faults.next(".*/capacity", Respond(200, body))
    assert (await baseten.get_capacity()).of("H100", "Research") == GpuCapacity(
        gpu_type="H100", limit=64
    )
    body["team_gpu_capacities"] = [ours | {"limit": 0}]
    sandbox.faults.next(".*/capacity", Respond(200, body))
    found = (await baseten.get_capacity()).of("H100", "Research")
    assert found is not None
    assert found.limit == 0


@pytest.mark.parametrize("odd", ["often", {"a": 1}, [{"limit": "none"}]])
async def test_a_capacity_of_teams_that_cannot_be_read_hides_nothing_else(
    sandbox: SandboxBaseten, baseten: Baseten, odd: object
) -> None:
    body = {"gpu_capacities": [{"gpu_type": "H100", "limit": 8}], "team_gpu_capacities": odd}
    sandbox.faults.next(".*/capacity", Respond(200, body))
    found = (await baseten.get_capacity()).of("H100", "Research")
    assert found is not None
    assert found.limit == 8


async def test_one_request_returns_a_job_with_its_project(
    sandbox: SandboxBaseten, baseten: Baseten
) -> None:
    old = sandbox.add_job("yqvj7q3", name="old")["id"]
    sandbox.add_job("yqvj7q3", name="new")
    found = await baseten.get_job_in_project("yqvj7q3", old)
    assert found.training_job.name == "old"
    assert found.training_project is not None
    assert found.training_project.latest_job is not None
    assert found.training_project.latest_job.name == "new"
    assert len(sandbox.requests) == 1


async def test_checkpoints_come_oldest_first_and_an_odd_one_hides_none(
    sandbox: SandboxBaseten, baseten: Baseten, clock: Clock
) -> None:
    job = sandbox.add_job("yqvj7q3")["id"]
    assert await baseten.get_checkpoints("yqvj7q3", job) == []
    for name in ("checkpoint-1", "checkpoint-2"):
        clock.advance(1)
        sandbox.add_checkpoint(job, name, size_bytes=5, sync_status="SYNCING")
    found = await baseten.get_checkpoints("yqvj7q3", job)
    assert [(each.checkpoint_id, each.size_bytes, each.sync_status) for each in found] == [
        ("checkpoint-1", 5, "SYNCING"),
        ("checkpoint-2", 5, "SYNCING"),
    ]
    when = "2026-11-20T20:00:00Z"
    odd = [
        {"checkpoint_id": "b", "created_at": "2026-11-20T21:00:00Z", "size_bytes": "big"},
        {"checkpoint_id": "a", "created_at": when},
        {"checkpoint_id": "c"},
    ]
    sandbox.faults.next(".*/checkpoints", Respond(200, {"checkpoints": odd}))
    found = await baseten.get_checkpoints("yqvj7q3", job)
    assert [(each.checkpoint_id, each.size_bytes) for each in found] == [("a", None), ("b", None)]


async def test_the_use_of_the_gpus_is_that_of_the_asked_time(
    sandbox: SandboxBaseten, baseten: Baseten, clock: Clock
) -> None:
    job = sandbox.add_job("yqvj7q3", node_count=2)["id"]
    clock.advance(600)
    sandbox.add_gpu_use(job, [0.1, 0.2, 0.4])
    end = clock()
    found = await baseten.get_metrics("yqvj7q3", job, end - timedelta(seconds=90), end)
    assert found.gpu_use(2) == [0.2, 0.4]
    assert len(found.per_node_metrics) == 2
    with pytest.raises(Refused):
        await baseten.get_metrics("yqvj7q3", job, end, end - timedelta(seconds=90))


@pytest.mark.parametrize(
    ("body", "used"),
    [
        ({}, []),
        ({"gpu_utilization": "high", "per_node_metrics": 3}, []),
        ({"gpu_utilization": {"0": [{"value": "high"}]}}, []),
        ({"gpu_utilization": {"0": [{"value": 0.5, "timestamp": "2026-11-20T14:00:00Z"}]}}, [0.5]),
        (
            {"gpu_utilization": {"0": [{"value": 1.001, "timestamp": "2026-11-20T14:00:00Z"}]}},
            [1.0],
        ),
        ({"gpu_utilization": {"0": [{"value": 91, "timestamp": "2026-11-20T14:00:00Z"}]}}, []),
        ({"gpu_utilization": {"0": [{"value": -1, "timestamp": "2026-11-20T14:00:00Z"}]}}, []),
    ],
)
def test_a_measure_that_cannot_be_read_is_left_out(body: object, used: list[float]) -> None:
    assert Metrics.model_validate(body).gpu_use(8) == used


async def test_jobs_are_read_one_by_one_and_an_odd_one_hides_none(
    sandbox: SandboxBaseten, baseten: Baseten
) -> None:
    sandbox.add_job("yqvj7q3", name="good")

    def read(said: object) -> str:
        assert isinstance(said, dict)
        if said["name"] == "odd":
            raise ValueError(said)
        return str(said["name"])

    sandbox.add_job("yqvj7q3", name="odd")
    assert [each async for each in baseten.read_training_jobs(read)] == ["good"]


async def test_a_stop_and_a_change_are_repeated(sandbox: SandboxBaseten, baseten: Baseten) -> None:
    job = sandbox.add_job("yqvj7q3", status="TRAINING_JOB_PENDING")["id"]
    sandbox.stops_after(0)
    sandbox.faults.next(".*", Respond(500, json={}, after=True), refusals.bad_gateway_html_502())
    await baseten.update_training_job("yqvj7q3", job, {"priority": 4})
    assert [request.method for request in sandbox.requests] == ["PATCH"] * 3
    assert sandbox.job(job)["priority"] == 4
    sandbox.faults.next(".*", refusals.internal_500())
    await baseten.stop_training_job("yqvj7q3", job)
    assert sandbox.job(job)["current_status"] == "TRAINING_JOB_STOPPED"
    assert [request.json() for request in sandbox.requests[3:]] == [{}, {}]


@pytest.mark.parametrize(
    "fault",
    [
        refusals.internal_500(),
        refusals.bad_gateway_html_502(),
        refusals.firewall_202(),
        refusals.rate_limited_429(0),
        refusals.permission_denied_403(),
        Respond(408, json={}),
        Respond(503, json={}),
        Respond(200, json={}),
        Drop(),
        Drop(after=True),
        Garble(),
    ],
    ids=str,
)
async def test_a_recreate_is_sent_once_whatever_the_answer(
    sandbox: SandboxBaseten, baseten: Baseten, fault: Fault
) -> None:
    job = sandbox.add_job("yqvj7q3")["id"]
    sandbox.faults.next(".*", fault)
    with pytest.raises(BasetenError):
        await baseten.recreate_training_job("yqvj7q3", job)
    assert len(sandbox.requests) == 1
    new = await baseten.recreate_training_job("yqvj7q3", job)
    assert new.id == sandbox.job_ids("yqvj7q3")[-1]


async def test_the_key_is_taken_out_of_the_refusal_of_a_recreate(
    sandbox: SandboxBaseten, baseten: Baseten
) -> None:
    sandbox.faults.next(".*", refusals.validation_400(f"not with {sandbox.api_key}"))
    with pytest.raises(Refused) as refusal:
        await baseten.recreate_training_job("yqvj7q3", "abc")
    assert sandbox.api_key not in refusal.value.message
