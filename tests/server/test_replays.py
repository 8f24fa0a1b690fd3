"""A signed request acts once, for as long as its signature is accepted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlencode

import httpx
import pytest
from slack_bolt.response import BoltResponse

from bot.sandbox import Delay
from bot.sandbox.slack.transports import OutgoingPayload
from bot.server.replays import Replays
from tests.conftest import Env
from tests.payloads import read_payloads

EVENTS = "/slack/events"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def attacker(http: Env) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has recorded requests of Slack."""
    async with httpx.AsyncClient(base_url=http.bot.url) as client:
        yield client


def signed(env: Env, name: str) -> tuple[bytes, dict[str, str]]:
    """Return a request of Slack, ready to be sent again and again."""
    kind, payload = read_payloads()[name]
    if "response_url" in payload:
        payload["response_url"] = f"{env.slack.url}/response/R1"
    if "trigger_id" in payload:  # a new one: the sandbox counts from the start
        payload["trigger_id"] = "1.2.3"
    content_type, body = OutgoingPayload(kind, payload).encode()
    return body, {"Content-Type": content_type} | env.slack.sign(body)


async def test_a_command_that_is_sent_ten_times_acts_once(
    http: Env, attacker: httpx.AsyncClient
) -> None:
    fields = {"command": "/training-project", "team_id": "T0SANDBOX1", "user_id": "U0SANDBOX1"}
    fields |= {"channel_id": "C0SANDBOX1", "trigger_id": "1.2.3", "text": ""}
    body = urlencode(fields).encode()
    headers = FORM | http.slack.sign(body)
    answers = [await attacker.post(EVENTS, content=body, headers=headers) for _ in range(10)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"")}
    await http.slack.command("research last")
    await http.answered()
    opened = [each for each in http.slack.requests if each.path == "/api/views.open"]
    assert len(opened) <= 1
    assert len(http.slack.messages) == 1


@pytest.mark.parametrize("name", read_payloads())
async def test_each_kind_of_request_acts_once(
    http: Env, attacker: httpx.AsyncClient, name: str
) -> None:
    body, headers = signed(http, name)
    first = await attacker.post(EVENTS, content=body, headers=headers)
    assert first.status_code == 200
    if name == "step":
        await http.slack.until(lambda: "functions.complete" in http.slack.seen())
    await http.slack.command("research then")
    await http.slack.until(
        lambda: any("then was created" in each.text for each in http.slack.messages)
    )
    before = len(http.slack.requests), len(http.baseten.requests)
    second = await attacker.post(EVENTS, content=body, headers=headers)
    assert (second.status_code, second.content) == (first.status_code, first.content)
    await http.slack.command("research after")
    await http.slack.until(
        lambda: any("after was created" in each.text for each in http.slack.messages)
    )
    after = [each.path for each in http.slack.requests[before[0] :]]
    assert [path for path in after if not path.endswith(("chat.postMessage", "chat.update"))] == []
    asked = [each.path for each in http.baseten.requests[before[1] :]]
    assert [path for path in asked if not path.endswith("/training_projects")] == []


async def test_the_same_command_with_a_new_signature_is_one_task(
    http: Env, attacker: httpx.AsyncClient
) -> None:
    """Slack signs each of its own repeats anew; the ids of the tasks tell them."""
    body, headers = signed(http, "command")
    later = headers | http.slack.sign(body, int(headers["X-Slack-Request-Timestamp"]) + 1)
    for each in (headers, later):
        assert (await attacker.post(EVENTS, content=body, headers=each)).status_code == 200
    await http.answered()
    await http.slack.command("research then")
    await http.answered(2)
    assert len(http.slack.messages) == 2


async def test_errors_of_a_submission_are_repeated_and_not_turned_into_a_success(
    http: Env, attacker: httpx.AsyncClient
) -> None:
    http.baseten.faults.next("/v1/teams", Delay(0.3))
    kind, payload = read_payloads()["submission"]
    payload["view"]["state"]["values"]["team"]["team"]["selected_option"]["value"] = "nobody"
    content_type, body = OutgoingPayload(kind, payload).encode()
    headers = {"Content-Type": content_type} | http.slack.sign(body)
    answers = await asyncio.gather(
        *(attacker.post(EVENTS, content=body, headers=headers) for _ in range(3))
    )
    assert len({answer.content for answer in answers}) == 1
    assert "There is no such team." in answers[0].text


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def acting(status: int, acts: list[int], body: str = "") -> Callable[[], Awaitable[BoltResponse]]:
    async def act() -> BoltResponse:
        acts.append(status)
        return BoltResponse(status=status, body=body)

    return act


async def test_a_request_that_did_nothing_can_be_sent_again() -> None:
    replays, acts = Replays(Clock()), list[int]()
    for status in (503, 500, 200, 200):
        await replays.answer("v0=a", 1000, acting(status, acts))
    assert acts == [503, 500, 200]


async def test_a_request_that_fails_can_be_sent_again() -> None:
    replays, acts = Replays(Clock()), list[int]()

    began, end = asyncio.Event(), asyncio.Event()

    async def fail() -> BoltResponse:
        began.set()
        await end.wait()
        raise OSError

    async def repeat() -> BoltResponse:
        end.set()  # without a turn of the loop between this and the next line
        return await replays.answer("v0=a", 1000, acting(200, acts))

    failing = asyncio.create_task(replays.answer("v0=a", 1000, fail))
    await began.wait()
    repeated = asyncio.create_task(repeat())
    with pytest.raises(OSError):  # noqa: PT011 - any error of the bot
        await failing
    assert (await repeated).status == 503
    assert (await replays.answer("v0=a", 1000, acting(200, acts))).status == 200
    assert acts == [200]


async def test_a_repeat_that_goes_away_does_not_take_the_answer_along() -> None:
    replays, acts, end = Replays(Clock()), list[int](), asyncio.Event()

    async def act() -> BoltResponse:
        await end.wait()
        return BoltResponse(status=200, body="done")

    first, *repeats = [
        asyncio.create_task(replays.answer("v0=a", 1000, each))
        for each in (act, acting(200, acts), acting(200, acts))
    ]
    await asyncio.sleep(0)
    repeats[0].cancel()  # its connection breaks
    await asyncio.sleep(0)
    end.set()
    assert [(await each).body for each in (first, repeats[1])] == ["done", "done"]
    assert acts == []


async def test_a_suggestion_that_is_typed_again_gets_its_options(
    http: Env, attacker: httpx.AsyncClient
) -> None:
    for number in range(60):  # a long answer, of which the memory keeps only the status
        http.baseten.add_team(f"Research {number}", id=f"team{number:03}")
    kind, payload = read_payloads()["suggestion"]
    content_type, body = OutgoingPayload(kind, payload).encode()
    headers = {"Content-Type": content_type} | http.slack.sign(body)
    answers = [await attacker.post(EVENTS, content=body, headers=headers) for _ in range(2)]
    assert "Research 59" in answers[0].text
    assert answers[0].content == answers[1].content


async def test_a_request_of_before_a_restart_acts_once(idle_env: Env) -> None:
    body, headers = signed(idle_env, "command")
    for _ in range(2):
        async with idle_env.running() as bot, httpx.AsyncClient(base_url=bot.url) as client:
            answer = await client.post(EVENTS, content=body, headers=headers)
            assert (answer.status_code, answer.content) == (200, b"")
            await idle_env.answered()
            await bot.drain()
    assert (len(idle_env.slack.messages), len(idle_env.baseten.upserts)) == (1, 1)


async def test_a_signature_is_remembered_as_long_as_it_is_accepted_and_no_longer() -> None:
    clock = Clock()
    replays, acts = Replays(clock), list[int]()
    await replays.answer("v0=future", 1300, acting(200, acts))
    await replays.answer("v0=now", 1000, acting(200, acts))
    clock.now += 599
    await replays.answer("v0=between", 1300, acting(200, acts))  # a new one lets old ones go
    await replays.answer("v0=future", 1300, acting(200, acts))
    assert len(acts) == 3
    clock.now += 3
    await replays.answer("v0=other", 1602, acting(200, acts))
    assert len(replays) == 1


async def test_the_memory_is_bounded() -> None:
    replays, acts = Replays(Clock(), most=100), list[int]()
    for number in range(1000):
        await replays.answer(f"v0={number}", 1000, acting(200, acts, "x" * 5000))
    assert len(replays) == 100
    answer = await replays.answer("v0=999", 1000, acting(200, acts))
    assert (answer.status, answer.body) == (200, "")
    assert len(acts) == 1000
