"""The limits of one person: what counts, and a database that is away."""

import asyncio

import pytest

from bot.access.limits import PersonLimitError, PersonLimits
from bot.durable.database import open_store
from bot.durable.model import Enqueue
from bot.durable.store import Store
from tests.durable.postgres import Postgres, postgres, postgres_programs, postgres_server

__all__ = ["postgres", "postgres_programs", "postgres_server"]  # the fixtures

DANA = "U0DANA0001"


async def test_a_minute_later_a_person_can_ask_again(sqlite_url: str) -> None:
    now = 1000.0
    async with open_store(sqlite_url) as store:
        limits = PersonLimits(store, 2, 0, lambda: now)
        await limits.admit(DANA)
        now += 30
        await limits.admit(DANA)
        with pytest.raises(PersonLimitError) as refused:
            await limits.admit(DANA)
        assert (refused.value.waiting, refused.value.retry_after) == (0, 30)
        now += 30
        await limits.admit(DANA)
        with pytest.raises(PersonLimitError):
            await limits.admit(DANA)


async def test_of_many_people_the_one_who_was_quiet_for_longest_is_forgotten(
    sqlite_url: str,
) -> None:
    async with open_store(sqlite_url) as store:
        limits = PersonLimits(store, 1, 0, lambda: 1000.0)
        for number in range(10_001):
            await limits.admit(f"U{number}")
        with pytest.raises(PersonLimitError):
            await limits.admit("U1")
        await limits.admit("U0")


async def waiting(store: Store) -> PersonLimits:
    """The limits of a person who has one request waiting, and can have one."""
    limits = PersonLimits(store, 0, 1)
    await store.write(Enqueue("w1", "open", {}, "commands"))
    limits.enqueued(DANA, "w1")
    with pytest.raises(PersonLimitError, match="1 waiting"):
        await limits.admit(DANA)
    return limits


async def test_a_person_is_let_in_while_the_database_cannot_tell_what_waits(
    postgres: Postgres,
) -> None:
    async with open_store(postgres.new_database()) as store:
        limits = await waiting(store)
        postgres.hang()
        try:
            async with asyncio.timeout(2.5):  # Slack waits 3 s for the ack
                await limits.admit(DANA)  # the request itself is refused in words
        finally:
            postgres.go_on()
