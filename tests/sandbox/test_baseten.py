"""The management API: permissions, responses and refusals."""

from datetime import timedelta

import httpx
import pytest

from bot.sandbox import Clock, Respond, SandboxBaseten, refusals
from bot.sandbox.baseten.training import iso

Api = httpx.AsyncClient


async def upsert(api: Api, team_id: str, name: str) -> httpx.Response:
    body = {"training_project": {"name": name}}
    return await api.post(f"/v1/teams/{team_id}/training_projects", json=body)


@pytest.mark.parametrize("scheme", ["Api-Key", "Bearer", "api-key"])
async def test_the_right_key_opens_under_either_scheme(
    baseten: SandboxBaseten, api: Api, scheme: str
) -> None:
    headers = {"Authorization": f"{scheme} {baseten.api_key}"}
    assert (await api.get("/v1/teams", headers=headers)).status_code == 200


@pytest.mark.parametrize("header", ["", "Api-Key wrong", "Basic x", "{key}"])
async def test_any_other_key_is_refused(baseten: SandboxBaseten, api: Api, header: str) -> None:
    headers = {"Authorization": header.format(key=baseten.api_key)}
    answer = await api.get("/v1/teams", headers=headers)
    assert answer.status_code == 403
    assert answer.json() == {"code": "PERMISSION_DENIED", "message": "Authorization error"}


async def test_teams_are_listed_and_found_by_exact_name(baseten: SandboxBaseten, api: Api) -> None:
    default = baseten.add_team("Default", default=True)
    research = baseten.add_team("Research", id="wp7ndew")
    assert (await api.get("/v1/teams")).json() == {"teams": [default, research]}
    assert (await api.get("/v1/teams?name=Research")).json() == {"teams": [research]}
    assert (await api.get("/v1/teams?name=research")).json() == {"teams": []}
    assert len(default["id"]) == 7


async def test_an_upsert_creates_once_and_then_finds(
    baseten: SandboxBaseten, api: Api, clock: Clock
) -> None:
    team, other = baseten.add_team("Research"), baseten.add_team("Other")
    first = (await upsert(api, team["id"], "bert")).json()["training_project"]
    clock.advance(60)
    again = (await upsert(api, team["id"], "bert")).json()["training_project"]
    elsewhere = (await upsert(api, other["id"], "bert")).json()["training_project"]
    shouted = (await upsert(api, team["id"], "BERT")).json()["training_project"]
    assert again == first
    assert len({project["id"] for project in (first, elsewhere, shouted)}) == 3
    assert first == {
        "id": first["id"],
        "name": "bert",
        "created_at": iso(clock() - timedelta(seconds=60)),
        "updated_at": iso(clock() - timedelta(seconds=60)),
        "team_name": "Research",
        "latest_job": None,
    }
    assert [request.json() for request in baseten.upserts[:1]] == [
        {"training_project": {"name": "bert"}}
    ]
    assert len(baseten.upserts) == 4


async def test_an_upsert_shows_the_latest_job(baseten: SandboxBaseten, api: Api) -> None:
    team = baseten.add_team("Research")
    project = baseten.add_project(team["id"], "bert")
    baseten.add_job(project["id"], name="old")
    job = baseten.add_job(project["id"], name="new", node_count=2)
    upserted = (await upsert(api, team["id"], "bert")).json()["training_project"]
    assert upserted["latest_job"] == job
    assert job["user"] == {"email": "dana@example.com"}
    assert job["instance_type"]["gpu_count"] == 8


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"training_project": "bert"}', b'{"training_project": {}}']
    + [b'{"training_project": {"name": %s}}' % name for name in (b"7", b'""', b"null", b'" "')],
)
async def test_an_upsert_without_a_name_is_invalid(
    baseten: SandboxBaseten, api: Api, body: bytes
) -> None:
    team = baseten.add_team("Research")
    answer = await api.post(f"/v1/teams/{team['id']}/training_projects", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


async def test_an_upsert_in_an_unknown_team_is_not_found(api: Api) -> None:
    answer = await upsert(api, "nowhere", "bert")
    assert answer.status_code == 404
    assert answer.json() == {"code": "NOT_FOUND", "message": "Team not found"}


async def test_without_training_only_listing_works(baseten: SandboxBaseten, api: Api) -> None:
    team = baseten.add_team("Research")
    baseten.training_enabled = False
    answer = await upsert(api, team["id"], "bert")
    assert answer.status_code == 403
    assert answer.json()["message"] == "You are not authorized for Baseten training."
    assert (await api.get("/v1/teams")).status_code == 200
    assert (await api.get("/v1/training_projects")).json() == {"training_projects": []}


@pytest.mark.parametrize(
    ("switch", "method", "path"),
    [
        ("list_teams_allowed", "GET", "/v1/teams"),
        ("list_projects_allowed", "GET", "/v1/training_projects"),
        ("search_allowed", "POST", "/v1/training_jobs/search"),
        ("capacity_allowed", "GET", "/v1/training/capacity"),
    ],
)
async def test_a_key_may_be_kept_from_looking(
    baseten: SandboxBaseten, api: Api, switch: str, method: str, path: str
) -> None:
    assert (await api.request(method, path, json={})).status_code == 200
    setattr(baseten, switch, False)
    answer = await api.request(method, path, json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert answer.json()["message"] != "Authorization error"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v2/teams"),
        ("POST", "/v1/teams"),
        ("GET", "/v1/training_projects/none"),
        ("GET", "/v1/training_projects/none/jobs"),
        ("GET", "/v1/training_projects/{project}/jobs/none"),
        ("GET", "/v1/training_projects/{project}/jobs/none/logs"),
        ("POST", "/v1/training_projects/{project}/jobs/none/stop"),
    ],
)
async def test_what_is_not_there_is_not_found(
    baseten: SandboxBaseten, api: Api, method: str, path: str
) -> None:
    project = baseten.add_project(baseten.add_team("Research")["id"], "bert")
    answer = await api.request(method, path.format(project=project["id"]))
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("refusal", "status", "part"),
    [
        (refusals.unauthorized_401(), 401, '"error": "Unauthorized"'),
        (refusals.wrong_key_403(), 403, "Authorization error"),
        (refusals.training_disabled_403(), 403, "not authorized for Baseten training"),
        (refusals.not_found_404(), 404, "NOT_FOUND"),
        (refusals.conflict_409(), 409, "CONFLICT"),
        (refusals.internal_500(), 500, "INTERNAL_ERROR"),
        (refusals.rate_limited_429(), 429, '"retry_after": 37'),
        (refusals.bad_gateway_html_502(), 502, "<html>"),
        (refusals.firewall_202(), 202, ""),
    ],
)
async def test_every_refusal_travels(
    baseten: SandboxBaseten, api: Api, refusal: Respond, status: int, part: str
) -> None:
    baseten.faults.next(".*", refusal)
    answer = await api.get("/v1/teams")
    assert answer.status_code == status
    assert part in answer.text
    assert bool(answer.content) == bool(part)


async def test_the_wait_is_told_in_the_body_and_on_demand_in_a_header(
    baseten: SandboxBaseten, api: Api
) -> None:
    baseten.faults.next(".*", refusals.rate_limited_429(5))
    baseten.faults.next(".*", refusals.rate_limited_429(5, header=True))
    without, with_header = await api.get("/v1/teams"), await api.get("/v1/teams")
    assert "retry-after" not in without.headers
    assert with_header.headers["retry-after"] == "5"
    assert with_header.json()["retry_after"] == 5


def test_a_project_needs_a_team(baseten: SandboxBaseten) -> None:
    with pytest.raises(LookupError, match="nowhere"):
        baseten.add_project("nowhere", "bert")
