"""What every journal promises about work."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from bot.journal.journal import WORK, Entry, Journal, LostLeaseError, backoff
from tests.journal.conftest import Open
from tests.journal.jobs import claimed, seen, submitted

SHORT = 0.25  # seconds; a lease that a test can outlive


async def test_only_known_kinds_are_taken(journal: Journal) -> None:
    await journal.submit("one", "from a newer version", {}, after=0)
    assert await journal.claim(["open", "watch"], 10) == []
    assert await journal.claim([], 10) == []
    assert (await claimed(journal, "from a newer version")).id == "one"


async def test_no_more_is_taken_than_there_is_room_for(journal: Journal) -> None:
    for number in range(5):
        await journal.submit(f"{number}", "open", {}, after=-number)  # the last is due longest
    taken = [{entry.id for entry in await journal.claim(["open"], 2)} for _ in range(3)]
    assert taken == [{"4", "3"}, {"2", "1"}, {"0"}]


async def test_of_many_who_claim_each_entry_goes_to_one(journal: Journal) -> None:
    await asyncio.gather(*(journal.submit(f"{n}", "open", {}, after=0) for n in range(60)))
    taken = await asyncio.gather(*(journal.claim(["open"], 5) for _ in range(20)))
    ids = [entry.id for entries in taken for entry in entries]
    assert sorted(ids) == sorted(f"{number}" for number in range(60))


async def test_a_saved_step_renews_the_lease(journal: Journal) -> None:
    entry = await submitted(journal)
    kept = await journal.keep(entry, {"step": "post"})
    assert kept.state == {"step": "post"}
    assert (await seen(journal)).state == {"step": "post"}
    assert kept.deadline > entry.deadline
    assert kept.fence == entry.fence


async def test_work_that_is_kept_is_not_taken_over(opening: Open) -> None:
    async with opening(1) as journal:
        entry = first = await submitted(journal)
        while time.monotonic() < first.deadline + 0.2:
            entry = await journal.keep(entry, {})
            assert await journal.claim(["open"], 1) == []
        assert entry.fence == first.fence


async def test_work_that_is_renewed_is_not_taken_over(opening: Open) -> None:
    async with opening(1) as journal:
        entry = first = await submitted(journal)
        while time.monotonic() < first.deadline + 0.2:
            renewed = await journal.renew(entry)
            assert renewed.deadline > entry.deadline
            assert await journal.claim(["open"], 1) == []
            entry = renewed


async def test_a_renewal_changes_nothing_else(opening: Open) -> None:
    async with opening(SHORT) as journal:
        await submitted(journal)
        await journal.fail(await claimed(journal), "once", retries=1)
        entry = await claimed(journal)
        before = await seen(journal)
        assert before.dirty
        renewed = await journal.renew(entry)
        assert await seen(journal) == before
        assert replace(renewed, deadline=entry.deadline) == entry


async def test_a_renewal_that_was_under_way_lets_what_was_kept_be(journal: Journal) -> None:
    entry = await submitted(journal)
    await journal.keep(entry, {"step": "post"})
    await journal.renew(entry)  # as it was before
    assert (await seen(journal)).state == {"step": "post"}


async def test_work_is_taken_over_when_its_lease_has_ended_and_is_dirty(opening: Open) -> None:
    async with opening(SHORT) as journal:
        entry = await submitted(journal)
        taken = await claimed(journal)
        assert time.monotonic() >= entry.deadline
        assert taken.dirty
        assert taken.fence > entry.fence
        assert taken.state == entry.state


async def test_it_stays_dirty_until_its_step_is_done(opening: Open) -> None:
    async with opening(SHORT) as journal:
        await submitted(journal)
        await claimed(journal)
        again = await claimed(journal)
        assert again.dirty
        assert not (await journal.keep(again, {"step": "post"})).dirty
        assert not (await seen(journal)).dirty


@pytest.mark.parametrize(
    "save",
    [
        lambda journal, late: journal.renew(late),
        lambda journal, late: journal.keep(late, {"late": True}),
        lambda journal, late: journal.release(late, {"late": True}, after=0),
        lambda journal, late: journal.abandon(late),
        lambda journal, late: journal.finish(late),
        lambda journal, late: journal.fail(late, "late", retries=0),
    ],
    ids=["renew", "keep", "release", "abandon", "finish", "fail"],
)
async def test_who_lost_the_lease_finds_out_and_changes_nothing(
    opening: Open, save: Callable[[Journal, Entry], Awaitable[object]]
) -> None:
    async with opening(SHORT) as journal:
        late = await submitted(journal)
        await claimed(journal)
        taken = await seen(journal)
        with pytest.raises(LostLeaseError):
            await save(journal, late)
        assert await seen(journal) == taken


async def test_who_let_go_holds_it_no_more(journal: Journal) -> None:
    entry = await submitted(journal)
    await journal.release(entry, {}, after=0)
    with pytest.raises(LostLeaseError):
        await journal.keep(entry, {})


async def test_work_that_nobody_knows_is_nobodys(journal: Journal) -> None:
    entry = await submitted(journal)
    await journal.finish(entry)
    assert await journal.prune(-1) == 1
    assert await journal.get("one") is None
    with pytest.raises(LostLeaseError):
        await journal.keep(entry, {})


async def test_released_work_sleeps_and_comes_back_clean(journal: Journal) -> None:
    entry = await submitted(journal)
    await journal.release(entry, {"step": "look"}, after=0.3)
    slept_from = time.monotonic()
    assert await journal.claim(["open"], 1) == []
    woken = await claimed(journal)
    assert time.monotonic() - slept_from > 0.2
    assert (woken.state, woken.dirty) == ({"step": "look"}, False)


async def test_work_that_is_woken_can_be_taken_at_once_and_is_clean(journal: Journal) -> None:
    told = asyncio.Event()
    await journal.release(await submitted(journal), {"step": "look"}, after=100)
    await journal.submit("two", "open", {}, after=100)
    journal.listen(WORK, told.set)
    assert await journal.wake("one")
    assert told.is_set()
    (woken,) = await journal.claim(["open"], 10)
    assert (woken.id, woken.state, woken.dirty) == ("one", {"step": "look"}, False)


async def test_what_does_not_sleep_is_not_woken(opening: Open) -> None:
    async with opening(SHORT) as journal:
        held, over = await submitted(journal, "held"), await submitted(journal, "over")
        await journal.finish(over)
        told = asyncio.Event()
        journal.listen(WORK, told.set)
        for entry_id in ("held", "over", "unknown"):
            assert not await journal.wake(entry_id)
        assert not told.is_set()
        taken = await claimed(journal)
        assert time.monotonic() >= held.deadline
        assert taken.id == "held"
        assert (await seen(journal, "over")).done


async def test_abandoned_work_is_free_at_once_and_dirty(journal: Journal) -> None:
    entry = await submitted(journal)
    await journal.abandon(entry)
    (taken,) = await journal.claim(["open"], 1)
    assert (taken.dirty, taken.state) == (True, {"step": "upsert"})


async def test_finished_work_is_never_taken_again(opening: Open) -> None:
    async with opening(SHORT) as journal:
        entry = await submitted(journal)
        await journal.finish(entry)
        assert (await seen(journal)).done
        assert await journal.due_in(["open"]) is None
        assert await journal.claim(["open"], 1) == []


async def test_a_failure_is_tried_again_later_and_is_dirty(journal: Journal) -> None:
    entry = await submitted(journal)
    assert await journal.fail(entry, "Slack said no \0", retries=3)
    failed = await seen(journal)
    assert (failed.fails, failed.dirty, failed.done) == (1, True, False)
    assert failed.error is not None
    assert failed.error.startswith("Slack said no")
    due = await journal.due_in(["open"])
    assert due is not None
    assert 0.3 < due <= 1
    assert (await claimed(journal)).fails == 1


async def test_after_the_last_retry_it_is_done_and_keeps_the_error(journal: Journal) -> None:
    entry = await submitted(journal)
    assert await journal.fail(entry, "first", retries=1)
    assert not await journal.fail(await claimed(journal), "second", retries=1)
    failed = await seen(journal)
    assert (failed.done, failed.error, failed.fails) == (True, "second", 2)
    assert await journal.due_in(["open"]) is None


async def test_a_step_that_is_done_ends_the_row_of_failures(journal: Journal) -> None:
    entry = await submitted(journal)
    await journal.fail(entry, "first", retries=1)
    entry = await journal.keep(await claimed(journal), {"step": "next"})
    assert entry.fails == 0
    await journal.fail(entry, "of another step", retries=1)
    assert not (await seen(journal)).done


def test_the_wait_doubles_to_five_minutes_and_never_comes_together() -> None:
    for fails in range(1, 12):
        waits = [backoff(fails) for _ in range(50)]
        longest = min(300, 2 ** (fails - 1))
        assert longest / 2 <= min(waits) <= max(waits) <= longest
        assert len(set(waits)) > 40
    assert backoff(5000) <= 300


async def test_when_the_next_is_due(journal: Journal) -> None:
    assert await journal.due_in(["open"]) is None
    await journal.submit("late", "open", {}, after=100)
    await journal.submit("soon", "open", {}, after=10)
    await journal.submit("other", "watch", {}, after=-5)
    soon = await journal.due_in(["open"])
    assert soon is not None
    assert 8 < soon <= 10
    assert await journal.due_in(["open", "watch"]) == 0


async def test_only_what_was_done_long_ago_is_deleted(journal: Journal) -> None:
    await journal.finish(await submitted(journal, "done"))
    await submitted(journal, "held")
    await journal.submit("asleep", "open", {}, after=10)
    assert await journal.prune(60) == 0
    assert await journal.prune(-1) == 1
    assert await journal.get("done") is None
    assert await journal.get("held") is not None
    assert await journal.get("asleep") is not None


async def test_nothing_is_known_of_what_was_never_handed_in(journal: Journal) -> None:
    assert await journal.get("one") is None


async def test_listeners_hear_their_topic_until_they_stop(journal: Journal) -> None:
    heard: list[str] = []
    stop = journal.listen("teams", lambda: heard.append("teams"))
    journal.listen("work", lambda: heard.append("work"))
    await journal.notify("teams")
    assert "teams" in heard
    stop()
    heard.clear()
    await journal.notify("teams")
    await journal.notify("work")
    assert set(heard) == {"work"}


async def test_work_for_anyone_is_told(journal: Journal) -> None:
    told = asyncio.Event()
    journal.listen("work", told.set)
    await journal.submit("one", "open", {}, after=0)
    assert told.is_set()
    entry = await claimed(journal)
    told.clear()
    await journal.abandon(entry)
    assert told.is_set()


async def test_callers_that_are_cancelled_leave_the_journal_well(journal: Journal) -> None:
    for _ in range(5):
        callers = [asyncio.create_task(journal.put("teams", f"{n}", {})) for n in range(20)]
        await asyncio.wait(callers, timeout=0.005)
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        await journal.get("one")
    assert len(await journal.read_all("teams")) <= 20
