"""The last projects of each person."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.durable.database import open_store
from bot.durable.store import Store
from bot.projects.recents import Recent, Recents

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{tmp_path}/bot.db") as opened:
        yield opened


async def add(store: Store, user_id: str, project_id: str, minute: int = 0, **changes: str) -> None:
    """Store a project, as the end of a task does."""
    opened = {"project_id": project_id, "name": "sft", "team": "Research"} | changes
    at = NOW + timedelta(minutes=minute)
    await store.write(Recents(store).addition(user_id, Recent(**opened, at=at)))


async def ids(store: Store, user_id: str = "U1") -> list[str]:
    return [one.project_id for one in await Recents(store).of(user_id)]


async def test_at_first_there_are_none(store: Store) -> None:
    assert await ids(store) == []


async def test_the_newest_come_first_and_five_are_kept(store: Store) -> None:
    for number in range(7):
        await add(store, "U1", f"p{number}", number)
    assert await ids(store) == ["p6", "p5", "p4", "p3", "p2"]


async def test_one_that_is_opened_again_moves_to_the_front_as_it_is_now(store: Store) -> None:
    for minute, project_id in enumerate(("a", "b", "c")):
        await add(store, "U1", project_id, minute)
    await add(store, "U1", "a", 3, name="renamed")
    assert await ids(store) == ["a", "c", "b"]
    assert (await Recents(store).of("U1"))[0].name == "renamed"


async def test_each_person_has_their_own(store: Store) -> None:
    await add(store, "U1", "a")
    await add(store, "U2", "b")
    assert (await ids(store, "U1"), await ids(store, "U2")) == (["a"], ["b"])


async def test_they_outlive_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bot.db"
    async with open_store(url) as store:
        await add(store, "U1", "a")
    async with open_store(url) as store:
        assert await ids(store) == ["a"]


async def test_what_is_opened_at_once_is_all_remembered(store: Store) -> None:
    await asyncio.gather(*(add(store, "U1", f"p{number}") for number in range(4)))
    assert sorted(await ids(store)) == ["p0", "p1", "p2", "p3"]


async def test_a_list_of_another_version_of_the_bot_is_replaced(store: Store) -> None:
    await store.amend("recent projects", "U1", lambda _: {"projects": [{"project": "a"}]})
    assert await ids(store) == []
    await add(store, "U1", "b")
    assert await ids(store) == ["b"]
