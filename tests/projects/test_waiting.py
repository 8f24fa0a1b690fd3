"""Requests that wait for approval: one for each project, and one end for each request."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.durable.database import open_store
from bot.durable.model import Request
from bot.durable.store import Store
from bot.projects.approval import ApprovalRequest, Decision, Verdict
from bot.projects.waiting import WaitingProjects
from bot.sandbox import Clock
from tests.durable.postgres import postgres_programs, postgres_server, postgres_url

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

CLOCK = Clock()
NOBODY = Request()


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    async with open_store(url) as opened:
        yield opened


def request(number: int, key: str = "b" * 32) -> ApprovalRequest:
    """A request for a project."""
    return ApprovalRequest(
        id=f"{number:032x}",
        key=key,
        name="sft",
        team="Research",
        team_id="wp7ndew",
        requester="U0LEE00001",
        by=("U0DANA0001",),
        channel_id="C0OTHER001",
        asked_at=CLOCK(),
        expires_at=CLOCK() + timedelta(days=1),
        kind="open/2",
        order={"place": {"channel_id": "C0SANDBOX1", "response_url": "x"}, "request": {}},
    )


def decision(task_id: str, verdict: Verdict = Verdict.APPROVED) -> Decision:
    """A decision by Dana."""
    return Decision(verdict=verdict, at=CLOCK(), task_id=task_id, by="U0DANA0001")


async def test_of_many_ends_at_once_one_counts(store: Store) -> None:
    waiting, asked = WaitingProjects(store, "commands", CLOCK), request(1)
    await waiting.begin(asked, NOBODY)
    ends = [decision("1"), decision("2", Verdict.DECLINED), decision("3", Verdict.EXPIRED)]
    won = await asyncio.gather(*(waiting.end(asked, each, NOBODY) for each in ends))
    assert won.count(True) == 1
    outcome = await waiting.outcome(asked.id)
    assert outcome is not None
    assert outcome.decision == ends[won.index(True)]
    assert await waiting.read(asked.key, asked.id) is None
    goes_on = await store.get(f"approved:{asked.id}")
    tells = await store.get(f"approval outcome/1:{asked.id}")
    assert (goes_on is not None, tells is not None) == (won[0], not won[0])


async def test_an_old_end_does_not_end_a_newer_request(store: Store) -> None:
    waiting, old, new = WaitingProjects(store, "commands", CLOCK), request(1), request(2)
    await waiting.begin(old, NOBODY)
    await waiting.withdraw(old)
    assert await waiting.begin(new, NOBODY) == new
    assert not await waiting.end(old, decision("1"), NOBODY)
    await waiting.set_card(old)
    await waiting.withdraw(old)
    assert await waiting.read(new.key, new.id) == new
    assert await store.get(f"approved:{old.id}") is None


async def test_of_two_requests_for_a_project_one_waits(store: Store) -> None:
    waiting = WaitingProjects(store, "commands", CLOCK)
    first, second = await asyncio.gather(
        waiting.begin(request(1), NOBODY), waiting.begin(request(2), NOBODY)
    )
    assert first == second
    begun = [await waiting.has_begun(request(number).id) for number in (1, 2)]
    assert begun == [first.id == request(1).id, first.id == request(2).id]
    other = request(3, "c" * 32)
    assert await waiting.begin(other, NOBODY) == other


async def test_the_project_goes_on_in_the_team_that_was_asked_about(store: Store) -> None:
    waiting, asked = WaitingProjects(store, "commands", CLOCK), request(1)
    await waiting.begin(asked, NOBODY)
    assert await waiting.end(asked, decision("1"), NOBODY)
    task = await store.get(f"approved:{asked.id}")
    assert task is not None
    assert (task.kind, task.lane, task.person) == ("open/2", "C0SANDBOX1", "U0LEE00001")
    assert task.state == {
        "approved_by": "U0DANA0001",
        "sure": True,
        "request": {"team": "wp7ndew"},
        "place": {"channel_id": "C0SANDBOX1", "response_url": None},
    }


async def test_a_request_of_another_version_of_the_bot_does_not_block_the_project(
    store: Store,
) -> None:
    waiting, asked = WaitingProjects(store, "commands", CLOCK), request(1)
    await store.amend("approvals", asked.key, lambda _: {"id": asked.id, "deciders": []})
    assert await waiting.read(asked.key, asked.id) is None
    assert await waiting.begin(asked, NOBODY) == asked
    assert await waiting.read(asked.key, asked.id) == asked
