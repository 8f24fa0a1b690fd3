"""The limits of the bot as a whole towards Baseten, over real HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import httpx
import pytest

from bot.baseten.client import Baseten
from bot.baseten.errors import Refused, Throttled, Unreachable
from bot.baseten.guard import GuardedTransport, Throttle
from bot.baseten.transport import AiohttpTransport
from bot.circuit import FAILURES, Circuit
from bot.sandbox import Drop, Respond, SandboxBaseten
from bot.telemetry.redaction import Redactor


class Clock:
    """A monotonic clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxBaseten]:
    async with SandboxBaseten() as sandbox:
        sandbox.add_team("Research", id="wp7ndew")
        sandbox.add_project("wp7ndew", "bert", id="yqvj7q3")
        yield sandbox


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def client(
    sandbox: SandboxBaseten,
    session: aiohttp.ClientSession,
    *,
    per_second: int = 0,
    circuit: Circuit | None = None,
) -> Baseten:
    transport = GuardedTransport(
        AiohttpTransport(session), Throttle(per_second), circuit or Circuit("Baseten")
    )
    return Baseten(transport, sandbox.url, sandbox.api_key, 5, Redactor())


def test_a_request_gets_the_next_free_moment_in_its_turn() -> None:
    clock = Clock()
    throttle = Throttle(2, clock)
    assert [throttle.reserve("GET /a") for _ in range(6)] == [0, 0, 1, 1, 2, 2]
    assert throttle.reserve("GET /b") == 0
    clock.now += 2.5
    assert [throttle.reserve("GET /a") for _ in range(3)] == [0.5, 0.5, 1.5]


def test_a_wait_of_more_than_a_few_seconds_is_refused_and_takes_no_turn() -> None:
    clock = Clock()
    throttle = Throttle(1, clock)
    assert [throttle.reserve("GET /a") for _ in range(4)] == [0, 1, 2, 3]
    for _ in range(10):
        with pytest.raises(Throttled) as refused:
            throttle.reserve("GET /a")
        assert refused.value.retry_after == 4
    clock.now += 1
    assert throttle.reserve("GET /a") == 3


def test_no_limit_means_no_wait() -> None:
    throttle = Throttle(0)
    assert {throttle.reserve("GET /a") for _ in range(1000)} == {0}


def test_no_second_has_more_requests_than_the_limit() -> None:
    clock = Clock()
    throttle = Throttle(20, clock)
    waits = [throttle.reserve("GET /v1/teams") for _ in range(50)]
    assert waits == [0.0] * 20 + [1.0] * 20 + [2.0] * 10
    clock.now += 0.5
    assert throttle.reserve("GET /v1/teams") == pytest.approx(1.5)
    clock.now += 5
    assert throttle.reserve("GET /v1/teams") == 0.0


async def test_a_request_waits_for_its_turn(
    sandbox: SandboxBaseten, session: aiohttp.ClientSession
) -> None:
    baseten = client(sandbox, session, per_second=1)
    began = time.monotonic()
    await asyncio.gather(baseten.list_teams(), baseten.list_teams())
    assert len(sandbox.requests) == 2
    assert sandbox.requests[1].at - began >= 1


async def test_what_would_wait_too_long_is_refused_at_once_and_never_sent(
    sandbox: SandboxBaseten, session: aiohttp.ClientSession
) -> None:
    baseten = client(sandbox, session, per_second=1)
    waiting = [asyncio.create_task(baseten.list_teams()) for _ in range(4)]
    await sandbox.until(lambda: len(sandbox.requests) == 1)
    began = time.monotonic()
    with pytest.raises(Throttled) as refused:
        await baseten.list_teams()
    assert time.monotonic() - began < 2  # and not its turn, in 4 seconds
    assert 3 < (refused.value.retry_after or 0) <= 4
    await baseten.get_training_project("yqvj7q3")  # another endpoint
    await asyncio.gather(*waiting)
    assert len(sandbox.requests) == 5


async def test_requests_with_other_ids_share_the_limit_of_their_endpoint(
    sandbox: SandboxBaseten, session: aiohttp.ClientSession
) -> None:
    baseten = client(sandbox, session, per_second=1)
    waiting = [
        asyncio.create_task(baseten.list_training_jobs(f"other{number}")) for number in range(4)
    ]
    await sandbox.until(lambda: len(sandbox.requests) == 1)
    with pytest.raises(Throttled):
        await baseten.list_training_jobs("yqvj7q3")
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("fault", [Respond(500), Respond(503), Drop()], ids=str)
async def test_failures_in_a_row_pause_all_requests_until_one_succeeds(
    sandbox: SandboxBaseten, session: aiohttp.ClientSession, fault: Respond | Drop
) -> None:
    clock = Clock()
    baseten = client(sandbox, session, circuit=Circuit("Baseten", clock=clock))
    sandbox.faults.always(".*", fault)
    clock.now += 1
    with pytest.raises((Refused, Unreachable)):
        await baseten.list_teams()
    await asyncio.gather(*(baseten.list_teams() for _ in range(2)), return_exceptions=True)
    clock.now += 3
    sent = len(sandbox.requests)
    with pytest.raises((Refused, Unreachable)):
        await baseten.list_teams()
    once = 2 if isinstance(fault, Drop) else 1  # aiohttp repeats a GET on a dropped connection
    assert len(sandbox.requests) == sent + once, "the next failure opens it"
    with pytest.raises(Unreachable) as paused:
        await baseten.get_training_project("yqvj7q3")
    assert (paused.value.sent, paused.value.retry_after) == (False, 5)
    assert len(sandbox.requests) == sent + once
    sandbox.faults.clear()
    clock.now += 5
    assert await baseten.list_teams()
    assert (await baseten.get_training_project("yqvj7q3")).name == "bert"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 429])
async def test_refusals_never_pause_anything(
    sandbox: SandboxBaseten, session: aiohttp.ClientSession, status: int
) -> None:
    clock = Clock()
    baseten = client(sandbox, session, circuit=Circuit("Baseten", clock=clock))
    said = {"message": "no", "retry_after": 60}
    sandbox.faults.always(".*", Respond(status, said))
    for _ in range(3 * FAILURES):
        clock.now += 1
        with pytest.raises(Refused) as refused:
            await baseten.get_training_project("gone")
        assert refused.value.status == status
    sandbox.faults.clear()
    assert await baseten.list_teams()


async def test_a_pause_keeps_an_earlier_attempt_that_was_sent(
    sandbox: SandboxBaseten, session: aiohttp.ClientSession
) -> None:
    """The call failed with a 500 and is not repeated, so its outcome stays unknown."""
    clock = Clock()
    circuit = Circuit("Baseten", clock=clock)
    baseten = client(sandbox, session, circuit=circuit)
    for number in range(FAILURES - 1):
        with circuit.call() as call:
            call.failed = True
        clock.now += number and 0.5
    sandbox.faults.always(".*", Respond(500, after=True))
    with pytest.raises(Unreachable) as failed:
        await baseten.upsert_training_project("wp7ndew", "new")
    assert failed.value.sent
    assert len(sandbox.requests) == 1


async def test_the_transport_says_that_a_request_was_not_sent(
    session: aiohttp.ClientSession, closed_port: int
) -> None:
    transport = GuardedTransport(AiohttpTransport(session), Throttle(0), Circuit("Baseten"))
    with pytest.raises(httpx.ConnectError):
        await transport.handle_async_request(
            httpx.Request("GET", f"http://127.0.0.1:{closed_port}/")
        )
