"""What every journal promises to who hands work in, be it one or many at once."""

import asyncio
import math
import re
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from bot.journal.database import open_journal
from bot.journal.journal import LEASE, WORK, Entry, Journal, State
from tests.journal.jobs import AWKWARD, claimed, seen, submitted

MANY = 600


async def test_submitted_work_is_ours_at_once(journal: Journal) -> None:
    before, asked = datetime.now(UTC), time.monotonic()
    entry = await submitted(journal)
    assert (entry.id, entry.kind, entry.state) == ("one", "open", {"step": "upsert"})
    assert (entry.dirty, entry.fails, entry.done, entry.error) == (False, 0, False, None)
    assert asked + LEASE <= entry.deadline <= time.monotonic() + LEASE
    assert abs(entry.accepted_at - before) < timedelta(seconds=5)
    assert await journal.claim(["open"], 10) == []


async def test_work_handed_in_twice_is_accepted_once(journal: Journal) -> None:
    await submitted(journal)
    assert await journal.submit("one", "open", {"step": "other"}) is None
    assert await journal.submit("one", "other", {}, after=0) is None
    assert (await seen(journal)).state == {"step": "upsert"}


async def test_work_that_is_done_is_still_known(journal: Journal) -> None:
    await journal.finish(await submitted(journal))
    assert await journal.submit("one", "open", {}) is None


async def test_of_many_who_hand_in_the_same_one_is_accepted(journal: Journal) -> None:
    accepted = await asyncio.gather(*(journal.submit("one", "open", {}) for _ in range(20)))
    assert len([entry for entry in accepted if entry]) == 1


async def test_any_json_comes_back_as_it_was(journal: Journal) -> None:
    entry = await journal.submit("one", "open", AWKWARD)
    assert entry is not None
    assert entry.state == AWKWARD
    assert (await seen(journal)).state == AWKWARD


async def test_a_state_is_not_shared_with_whoever_handed_it_in(journal: Journal) -> None:
    state = {"steps": ["upsert"]}
    entry = await journal.submit("one", "open", state)
    assert entry is not None
    state["steps"].append("changed")
    entry.state["steps"].append("changed")
    assert (await seen(journal)).state == {"steps": ["upsert"]}


@pytest.mark.parametrize(
    ("entry_id", "state", "words"),
    [
        ("one", {"when": datetime.now(UTC)}, "not JSON serializable"),
        ("one", {"n": math.nan}, "not JSON compliant"),
        ("one\0", {}, r"printable characters, not 'one\\x00'"),
        ("one\ud83d", {}, "printable characters"),
        ("1" * 256, {}, "up to 255"),
    ],
)
async def test_what_cannot_be_kept_is_refused_and_fails_no_other(
    journal: Journal, entry_id: str, state: State, words: str
) -> None:
    others = [journal.submit(f"{number}", "open", {}) for number in range(20)]
    bad = journal.submit(entry_id, "open", state)
    *accepted, refused = await asyncio.gather(*others, bad, return_exceptions=True)
    assert isinstance(refused, TypeError | ValueError)
    assert re.search(words, str(refused))
    assert all(isinstance(entry, Entry) for entry in accepted)
    assert await journal.get("one") is None


async def test_work_left_for_anyone_is_taken_clean(journal: Journal) -> None:
    left = await journal.submit("one", "open", {"step": "upsert"}, after=0)
    assert left is not None
    assert left.deadline < time.monotonic()
    entry = await claimed(journal)
    assert (entry.id, entry.state, entry.dirty) == ("one", {"step": "upsert"}, False)
    assert entry.fence > left.fence
    assert entry.deadline > time.monotonic()


async def test_of_many_who_hand_in_at_once_each_is_accepted(journal: Journal) -> None:
    asked = time.monotonic()
    entries = await asyncio.gather(
        *(journal.submit(f"{number}", "open", {"n": number}) for number in range(MANY))
    )
    for number, entry in enumerate(entries):
        assert entry is not None
        assert (entry.id, entry.state, entry.fence) == (f"{number}", {"n": number}, 1)
        assert asked + LEASE <= entry.deadline <= time.monotonic() + LEASE
    assert await journal.claim(["open"], 1) == []


async def test_of_many_at_once_each_id_is_accepted_once_from_the_first(journal: Journal) -> None:
    await journal.submit("7", "open", {"n": "before"})
    entries = await asyncio.gather(
        *(journal.submit(f"{number % 30}", "open", {"n": number}) for number in range(90))
    )
    accepted = [entry for entry in entries if entry]
    assert {entry.id: entry.state["n"] for entry in accepted} == {
        f"{number}": number for number in range(30) if number != 7
    }
    assert len(accepted) == 29
    assert [(await seen(journal, entry.id)).state for entry in accepted] == [
        entry.state for entry in accepted
    ]


async def test_those_at_once_may_each_want_something_else(journal: Journal) -> None:
    told = asyncio.Event()
    journal.listen(WORK, told.set)
    ours, soon, later = await asyncio.gather(
        journal.submit("ours", "open", {}),
        journal.submit("soon", "watch", {}, after=0),
        journal.submit("later", "open", {}, after=100),
    )
    assert told.is_set()
    assert ours is not None
    assert soon is not None
    assert later is not None
    assert ours.deadline > time.monotonic() > max(soon.deadline, later.deadline)
    assert [entry.id for entry in await journal.claim(["open", "watch"], 10)] == ["soon"]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_many_at_once_cost_few_statements(kind: str, request: pytest.FixtureRequest) -> None:
    inserts: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO training_bot_work") or "pg_notify" in statement:
            inserts.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        async with open_journal(request.getfixturevalue(f"{kind}_url")) as journal:
            submits = (journal.submit(f"{number}", "open", {}, after=0) for number in range(MANY))
            assert all(await asyncio.gather(*submits))
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert 0 < len(inserts) < MANY / 10


async def test_who_gave_up_before_a_connection_was_free_has_handed_in_nothing(
    sqlite_url: str,
) -> None:
    async with open_journal(sqlite_url) as journal:
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other:
            other.execute("BEGIN IMMEDIATE")
            begun = asyncio.create_task(journal.submit("begun", "open", {}))
            await asyncio.wait([begun], timeout=0.05)  # it has the only connection
            gone = asyncio.create_task(journal.submit("gone", "open", {}))
            waits = asyncio.create_task(journal.submit("waits", "open", {}))
            await asyncio.wait([gone, waits], timeout=0.05)
            gone.cancel()
        assert await begun is not None
        assert await waits is not None
        assert await journal.get("gone") is None


async def test_replicas_that_are_handed_the_same_at_once_do_not_block_each_other(
    postgres_url: str,
) -> None:
    async with open_journal(postgres_url) as one, open_journal(postgres_url) as two:
        for turn in range(20):
            ids = [f"{turn} {number}" for number in range(100)]
            entries = await asyncio.gather(
                *(one.submit(entry_id, "open", {}) for entry_id in ids),
                *(two.submit(entry_id, "open", {}) for entry_id in reversed(ids)),
            )
            assert sorted(entry.id for entry in entries if entry) == sorted(ids)
