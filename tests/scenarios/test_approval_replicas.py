"""Two people decide on two replicas at the same instant: one decision, at most one project."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from pydantic import SecretStr

from bot.durable.database import open_store
from tests.conftest import Env
from tests.documents import documents_of
from tests.durable.postgres import postgres_programs, postgres_server, postgres_url
from tests.scenarios.approvals import (
    APPROVE,
    DECLINE,
    RULE,
    SAM,
    asked,
    closed,
    decide,
    direct,
    projects,
    said,
)
from tests.scenarios.rules import DANA, ruled

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

ROUNDS = 5


@pytest.mark.parametrize("second", [APPROVE, DECLINE])
async def test_one_of_two_decisions_wins(idle_env: Env, postgres_url: str, second: str) -> None:
    shared = SecretStr(postgres_url)
    approved = 0
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(ruled(idle_env, RULE, database_url=shared))
            for _ in range(2)
        ]
        for number in range(1, ROUNDS + 1):
            card = await asked(idle_env, f"sft-{number}")

            async def press(url: str, button: str, user: str) -> None:
                idle_env.slack.bot_url = url
                await decide(idle_env, card, button, user)  # noqa: B023 - awaited in this round

            await asyncio.gather(press(one.url, APPROVE, DANA), press(two.url, second, SAM))
            shown = await closed(idle_env, card)
            approved += "was approved" in shown
            losers = [SAM] if f"by <@{DANA}>" in shown else [DANA]
            await idle_env.slack.until(
                lambda: len(said(idle_env, DANA) + said(idle_env, SAM)) == number  # noqa: B023
            )
            assert "already" in said(idle_env, losers[0])[-1]
            await idle_env.slack.until(
                lambda: len(direct(idle_env)) == number  # noqa: B023
            )
        await idle_env.slack.until(lambda: len(projects(idle_env)) == approved)
        await asyncio.gather(one.drain(), two.drain())
    assert len(idle_env.baseten.upserts) == len(projects(idle_env)) == approved
    assert len(direct(idle_env)) == ROUNDS
    assert second == DECLINE or approved == ROUNDS
    async with open_store(postgres_url) as store:
        assert await documents_of(store, "approvals") == {}
