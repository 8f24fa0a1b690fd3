"""The last projects of each person."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.journal.database import open_journal
from bot.journal.memory import MemoryJournal

from bot.recents import Recent, Recents

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def recent(project_id: str, minute: int = 0, name: str = "sft") -> Recent:
    at = NOW + timedelta(minutes=minute)
    return Recent(project_id=project_id, name=name, team="Research", at=at)


async def ids(recents: Recents, user_id: str = "U1") -> list[str]:
    return [one.project_id for one in await recents.of(user_id)]


async def test_at_first_there_are_none() -> None:
    assert await Recents(MemoryJournal()).of("U1") == []


async def test_the_newest_come_first_and_five_are_kept() -> None:
    journal = MemoryJournal()
    recents = Recents(journal)
    for number in range(7):
        await recents.add("U1", recent(f"p{number}", number))
    assert await ids(recents) == ["p6", "p5", "p4", "p3", "p2"]


async def test_one_that_is_opened_again_moves_to_the_front_as_it_is_now() -> None:
    recents = Recents(MemoryJournal())
    for minute, project_id in enumerate(("a", "b", "c")):
        await recents.add("U1", recent(project_id, minute))
    await recents.add("U1", recent("a", 3, "renamed"))
    assert await ids(recents) == ["a", "c", "b"]
    assert (await recents.of("U1"))[0].name == "renamed"


async def test_each_person_has_their_own() -> None:
    recents = Recents(MemoryJournal())
    await recents.add("U1", recent("a"))
    await recents.add("U2", recent("b"))
    assert (await ids(recents, "U1"), await ids(recents, "U2")) == (["a"], ["b"])


async def test_replicas_share_them() -> None:
    journal = MemoryJournal()
    await Recents(journal).add("U1", recent("a"))
    assert await ids(Recents(journal)) == ["a"]


async def test_what_is_opened_at_once_is_all_remembered(tmp_path: Path) -> None:
    async with open_journal(f"sqlite:///{tmp_path}/bot.db") as journal:
        recents = Recents(journal)
        await asyncio.gather(*(recents.add("U1", recent(f"p{number}")) for number in range(4)))
        assert sorted(await ids(recents)) == ["p0", "p1", "p2", "p3"]
