"""Faults, records and waiting, over real sockets."""

import asyncio
import json
import time
from email.utils import format_datetime

import httpx
import pytest

from bot.sandbox import (
    Clock,
    Delay,
    Drop,
    Garble,
    Hang,
    Respond,
    SandboxBaseten,
    SandboxSlack,
)


async def upsert(api: httpx.AsyncClient, team_id: str, name: str = "bert") -> httpx.Response:
    body = {"training_project": {"name": name}}
    return await api.post(f"/v1/teams/{team_id}/training_projects", json=body)


async def test_it_listens_on_loopback_only(baseten: SandboxBaseten) -> None:
    assert baseten.url.startswith("http://127.0.0.1:")
    assert not baseten.url.endswith("/")


async def test_a_request_is_recorded_as_it_arrived(
    baseten: SandboxBaseten, http: httpx.AsyncClient
) -> None:
    before = time.monotonic()
    await http.post(f"{baseten.url}/v1/a%2Fb?x=1%202", json={"k": "ü"}, headers={"X-Thing": "Y"})
    (request,) = baseten.requests
    assert (request.method, request.path, request.query) == ("POST", "/v1/a%2Fb", {"x": "1 2"})
    assert request.headers["x-thing"] == "Y"
    assert request.json() == {"k": "ü"}
    assert before <= request.at <= time.monotonic()


async def test_a_form_is_decoded(baseten: SandboxBaseten, http: httpx.AsyncClient) -> None:
    await http.post(baseten.url, data={"text": "a & b", "empty": ""})
    assert baseten.requests[0].form() == {"text": "a & b", "empty": ""}


async def test_the_date_is_the_sandboxs_clock(baseten: SandboxBaseten, clock: Clock) -> None:
    clock.advance(3600)
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(baseten.url)
    assert answer.headers["date"] == format_datetime(clock(), usegmt=True)


async def test_delay_answers_normally_but_late(
    baseten: SandboxBaseten, api: httpx.AsyncClient
) -> None:
    team = baseten.add_team("Research")
    baseten.faults.next(".*", Delay(0.15))
    begin = time.monotonic()
    assert (await upsert(api, team["id"])).status_code == 200
    assert time.monotonic() - begin >= 0.15


async def test_respond_answers_instead_and_does_nothing(
    baseten: SandboxBaseten, api: httpx.AsyncClient
) -> None:
    team = baseten.add_team("Research")
    baseten.faults.next(".*", Respond(503, {"a": 1}, headers={"Retry-After": "2"}))
    baseten.faults.next(".*", Respond(200, body=b"<html>", headers={"Content-Type": "text/html"}))
    first, second = await upsert(api, team["id"]), await upsert(api, team["id"])
    assert (first.status_code, first.json(), first.headers["retry-after"]) == (503, {"a": 1}, "2")
    assert (second.content, second.headers["content-type"]) == (b"<html>", "text/html")
    assert (await api.get("/v1/training_projects")).json() == {"training_projects": []}


@pytest.mark.parametrize(("after", "projects"), [(False, 0), (True, 1)])
async def test_drop_loses_the_request_or_only_its_answer(
    baseten: SandboxBaseten, api: httpx.AsyncClient, *, after: bool, projects: int
) -> None:
    team = baseten.add_team("Research")
    baseten.faults.next(".*", Drop(after=after))
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
        await upsert(api, team["id"])
    listed = (await api.get("/v1/training_projects")).json()["training_projects"]
    assert len(listed) == projects


async def test_garble_is_not_http(baseten: SandboxBaseten, api: httpx.AsyncClient) -> None:
    baseten.faults.next(".*", Garble())
    with pytest.raises(httpx.RemoteProtocolError, match="illegal"):
        await api.get("/v1/teams")


async def test_hang_never_answers(baseten: SandboxBaseten, api: httpx.AsyncClient) -> None:
    baseten.faults.next(".*", Hang())
    with pytest.raises(httpx.ReadTimeout):
        await api.get("/v1/teams", timeout=httpx.Timeout(5, read=0.1))
    assert (await api.get("/v1/teams")).status_code == 200


@pytest.mark.parametrize("fault", [Hang(), Delay(60)])
async def test_it_closes_at_once_with_requests_hanging(fault: Hang | Delay) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        async with SandboxBaseten() as baseten:
            baseten.faults.always(".*", fault)
            hanging = asyncio.create_task(http.get(baseten.url))
            await baseten.until(lambda: len(baseten.requests) == 1)
            begin = time.monotonic()
        assert time.monotonic() - begin < 5
        with pytest.raises(httpx.RemoteProtocolError):
            await hanging


async def test_faults_come_in_order_to_whom_they_are_for(
    baseten: SandboxBaseten, api: httpx.AsyncClient
) -> None:
    baseten.faults.next("/v1/teams", Respond(500), Respond(502), method="GET")
    baseten.faults.next("/v1/training_jobs/.*", Respond(418))
    statuses = [
        (await api.request(method, path)).status_code
        for method, path in [
            ("GET", "/v1/teams/x"),  # a pattern matches the whole path
            ("POST", "/v1/teams"),  # another method
            ("POST", "/v1/training_jobs/search"),
            ("GET", "/v1/teams"),
            ("GET", "/v1/teams"),
            ("GET", "/v1/teams"),
        ]
    ]
    assert statuses == [404, 404, 418, 500, 502, 200]


async def test_a_standing_fault_lasts_until_cleared_and_gives_way_to_a_coming_one(
    baseten: SandboxBaseten, api: httpx.AsyncClient
) -> None:
    baseten.faults.always("/v1/teams", Respond(500), method="GET")
    baseten.faults.next("/v1/teams", Respond(502))
    statuses = [(await api.get("/v1/teams")).status_code for _ in range(3)]
    baseten.faults.clear()
    statuses.append((await api.get("/v1/teams")).status_code)
    assert statuses == [502, 500, 500, 200]


async def test_until_wakes_as_soon_as_it_happens(
    baseten: SandboxBaseten, api: httpx.AsyncClient
) -> None:
    waiting = asyncio.create_task(baseten.until(lambda: len(baseten.requests) == 2, timeout=5))
    begin = time.monotonic()
    await api.get("/v1/teams")
    assert not waiting.done()
    await api.get("/v1/teams")
    await waiting
    assert time.monotonic() - begin < 4


async def test_until_says_what_it_saw(slack: SandboxSlack, http: httpx.AsyncClient) -> None:
    await http.post(
        slack.api_url + "chat.postMessage",
        headers={"Authorization": f"Bearer {slack.bot_token}"},
        json={"channel": "C0SANDBOX1", "text": "hello"},
    )
    with pytest.raises(TimeoutError, match=r"0\.05 s.*POST /api/chat\.postMessage.*'hello'"):
        await slack.until(lambda: False, timeout=0.05)


async def test_a_predicate_that_is_true_already_does_not_wait(baseten: SandboxBaseten) -> None:
    await baseten.until(lambda: True, timeout=0)


async def test_what_was_recorded_stays_after_the_end() -> None:
    async with SandboxBaseten() as baseten, httpx.AsyncClient(trust_env=False) as http:
        await http.post(baseten.url, content=json.dumps({}))
    assert len(baseten.requests) == 1
