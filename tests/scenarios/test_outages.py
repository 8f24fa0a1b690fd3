"""Baseten or Slack keeps failing: people are told at once, and what was accepted is done later."""

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from bot.sandbox import Respond
from tests.conftest import Env
from tests.scenarios.tasks import until_ended

CHECKING = "does not answer at the moment; I'm checking whether it works again."
LIMITED = "Baseten is rate-limiting the bot."
PAUSES, WORKS = "a server keeps failing; calls to it pause", "a server works again"


async def keep_asking(env: Env, seconds: float = 30) -> None:
    """Type commands, several at a time, until one is told that Baseten is checked."""
    number = 0
    async with asyncio.timeout(seconds):
        while not any(CHECKING in told.text for told in env.slack.ephemerals):
            number += 1
            await env.slack.command(f"research p-{number}")
            await env.told(number)


@pytest.mark.slow
async def test_while_baseten_fails_people_are_told_at_once_and_nothing_is_sent(
    http: Env,
) -> None:
    http.baseten.faults.always(".*", Respond(503))
    with capture_logs() as lines:
        await keep_asking(http)
        told, sent, began = len(http.slack.ephemerals), len(http.baseten.requests), time.monotonic()
        await http.slack.command("research sft")
        words = await http.told(told + 1)
        assert time.monotonic() - began < 3  # at once, for a busy machine
        assert f"Baseten {CHECKING} Nothing was created or changed." in words
        assert "Try again in" in words
        assert len(http.baseten.requests) == sent
        http.baseten.faults.clear()
        async with asyncio.timeout(20):
            while not http.slack.messages:
                told = len(http.slack.ephemerals)
                await http.slack.command("research sft")
                await http.slack.until(
                    lambda: bool(http.slack.messages) or len(http.slack.ephemerals) > told  # noqa: B023
                )
        await http.slack.command("research other")
        await http.answered(2)
    logged = [line["event"] for line in lines if "server" in line]
    assert [event[: len(WORKS)] for event in logged] == [PAUSES[: len(WORKS)], WORKS]


@pytest.mark.slow
async def test_while_slack_fails_tasks_wait_and_each_is_posted_once(http: Env) -> None:
    http.slack.faults.always("/api/.*", Respond(503))
    with capture_logs() as lines:
        names = [f"p-{number}" for number in range(12)]
        for name in names:
            assert not (await http.slack.command(f"research {name}")).body
        async with asyncio.timeout(30):
            while PAUSES not in [line["event"] for line in lines]:
                await asyncio.sleep(0.05)
        sent = len(http.slack.requests)
        delivery = await http.slack.command("")
        assert f"Slack {CHECKING}" in await http.told()
        assert delivery.status == 200
        api = [each for each in http.slack.requests[sent:] if each.path.startswith("/api/")]
        assert len(api) <= 1, "at most one probe"
        http.slack.faults.clear()
        await http.slack.until(lambda: len(http.slack.messages) == len(names), 40)
        await until_ended(http)
    assert sorted(m.text.split()[1] for m in http.slack.messages) == sorted(names)
    events = [line["event"] for line in lines]
    assert "the task is abandoned after its last retry" not in events
    assert len([line for line in lines if "server" in line]) == 2


async def test_a_flood_waits_its_turn_at_baseten_and_the_rest_is_refused_in_words(
    idle_env: Env,
) -> None:
    async with idle_env.running(baseten_per_second=2):
        slack, began = idle_env.slack, time.monotonic()
        await asyncio.gather(*(slack.command(f"research p-{number}") for number in range(12)))

        def refused() -> list[str]:
            return [told.text for told in slack.ephemerals if LIMITED in told.text]

        await slack.until(lambda: len(slack.messages) + len(refused()) == 12)
    assert all("Nothing was created or changed." in words for words in refused())
    assert all("Try again in 4 seconds" in words for words in refused())
    assert 4 <= len(slack.messages) == len(idle_env.baseten.upserts) <= 9
    at = [request.at for request in idle_env.baseten.requests if "/teams/" in request.path]
    assert all(moment - began >= number // 2 for number, moment in enumerate(at))


async def test_an_answer_that_is_too_large_is_named(http: Env) -> None:
    http.baseten.faults.always(
        "/v1/teams/.*", Respond(200, body=b"{" + b" " * (16 << 20), headers={"X": "y"})
    )
    await http.slack.command("research sft")
    assert "more than 16 MiB, which is more than I read" in await http.told()
