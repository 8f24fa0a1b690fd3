"""What every journal promises about documents."""

import asyncio

import pytest

from bot.journal.journal import Journal
from tests.journal.jobs import AWKWARD


async def test_a_document_is_written_read_replaced_and_removed(journal: Journal) -> None:
    assert await journal.read("teams", "a") is None
    await journal.put("teams", "a", AWKWARD)
    assert await journal.read("teams", "a") == AWKWARD
    await journal.put("teams", "a", {"name": "Research"})
    assert await journal.read("teams", "a") == {"name": "Research"}
    await journal.remove("teams", "a")
    await journal.remove("teams", "a")
    assert await journal.read("teams", "a") is None


async def test_only_a_document_that_is_there_is_amended(journal: Journal) -> None:
    assert not await journal.amend("teams", "a", {"n": 1})
    assert await journal.read("teams", "a") is None
    await journal.put_many("teams", {"a": {"n": 1}, "b": {"n": 2}})
    await journal.put("recent", "a", {"n": 3})
    assert await journal.amend("teams", "a", AWKWARD)
    assert await journal.read_all("teams") == {"a": AWKWARD, "b": {"n": 2}}
    assert await journal.read("recent", "a") == {"n": 3}
    await journal.remove("teams", "a")
    assert not await journal.amend("teams", "a", {})
    assert len(await journal.read_all("teams")) == 1


async def test_collections_are_apart(journal: Journal) -> None:
    await journal.put("teams", "a", {"n": 1})
    await journal.put("recent", "a", {"n": 2})
    assert await journal.read_all("teams") == {"a": {"n": 1}}
    await journal.remove("teams", "a")
    assert await journal.read_all("teams") == {}
    assert await journal.read_all("recent") == {"a": {"n": 2}}


async def test_many_are_written_at_once(journal: Journal) -> None:
    many = {f"{number}": {"n": number} for number in range(500)}
    await journal.put("teams", "7", {"n": "old"})
    await journal.put_many("teams", many)
    await journal.put_many("teams", {})
    assert await journal.read_all("teams") == many
    assert await journal.read_all("recent") == {}


async def test_many_may_write_the_same(journal: Journal) -> None:
    await asyncio.gather(*(journal.put("teams", "a", {"n": number}) for number in range(20)))
    assert len(await journal.read_all("teams")) == 1


async def test_a_document_is_not_shared(journal: Journal) -> None:
    value = {"names": ["a"]}
    await journal.put("teams", "a", value)
    value["names"].append("b")
    (await journal.read_all("teams"))["a"]["names"].append("c")
    assert await journal.read("teams", "a") == {"names": ["a"]}


@pytest.mark.parametrize("count", [199, 200, 201, 450])
async def test_a_collection_of_any_size_is_read_whole(journal: Journal, count: int) -> None:
    values = {f"key {number}": {"number": number} for number in range(count)}
    await journal.put_many("many", values)
    await journal.put("another", "key 1", {})
    assert await journal.read_all("many") == values
