"""The comparison of a job's last two states, and the news that follows from it."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.baseten.models import TrainingJob
from bot.views.job import status
from bot.watches.changes import LONGEST, Changes, Observation, compare, is_quiet
from bot.watches.model import Watch
from bot.watches.news import (
    Ended,
    Expired,
    Farewell,
    FirstJob,
    Gone,
    Lost,
    Mentions,
    Moved,
    NewerJob,
    News,
    StillWaiting,
)
from tests.watches.made import BEGIN, after, job, project, watch

TOO_LONG = 1800.0
STAGES = {
    "PENDING": "waiting",
    "CREATED": "waiting",
    "QUEUED": "waiting",
    "DEPLOYING": "deploying",
    "RUNNING": "running",
    "COMPLETED": "ended",
    "FAILED": "ended",
    "DEPLOY_FAILED": "ended",
    "STOPPED": "ended",
    "PREEMPTED": "ended",
    "EXPIRED": "ended",
    "CANCELED": "ended",
    "WARMING_UP": "ended",
}
ENDS = [name for name, stage in STAGES.items() if stage == "ended"]
RANKS = {"waiting": 0, "deploying": 1, "running": 2}


def seen(before: Watch, now: TrainingJob | None, at: float = 60, **observed: Any) -> Changes:
    """Compare a watch with the current state of its own job."""
    told = {"watched": now, "latest": now} | observed
    return compare(before, Observation(**told), after(at), TOO_LONG)


def kinds(looked: Changes) -> list[str]:
    return [said.kind for said in looked.news]


@pytest.mark.parametrize("now", STAGES)
@pytest.mark.parametrize("before", [name for name in STAGES if name not in ENDS])
def test_each_change_of_stage_is_one_piece_of_news(before: str, now: str) -> None:
    looked = seen(watch(job(before)), job(now, at=30))
    if STAGES[now] == "ended":
        assert kinds(looked) == ["ended"]
    elif STAGES[now] != STAGES[before]:
        assert kinds(looked) == ["moved"]
        ranks = RANKS.get(STAGES[now]), RANKS.get(STAGES[before])
        back = None not in ranks and ranks[0] < ranks[1]  # type: ignore[operator]
        assert looked.news[0] == Moved(job=job(now, at=30), again=back)
    else:
        assert looked.news == ()
    assert looked.watch.ended == (STAGES[now] == "ended")
    assert looked.redraw == looked.moved == (now != before)


@given(st.lists(st.sampled_from(list(STAGES)), min_size=1, max_size=12))
def test_any_course_of_a_job_is_told_once_and_its_end_once(course: list[str]) -> None:
    begun = next((name for name in course if name not in ENDS), "PENDING")
    watched, told = watch(job(begun)), []
    walked = [begun]
    for step, name in enumerate(course, 1):
        looked = seen(watched, job(name, at=20 * step), at=20 * step)
        if status(job(name)).ended:
            assert looked.news == ()
            looked = seen(looked.watch, job(name, at=20 * step), at=20 * step + 15)
        told += kinds(looked)
        watched = looked.watch
        walked.append(name)
        if watched.ended:
            break
        again = seen(watched, job(name, at=20 * step), at=20 * step + 0.5)
        assert again.watch is watched
        assert again == Changes(watched)
    changes = [STAGES[now] for was, now in pairwise(walked) if STAGES[was] != STAGES[now]]
    assert told == ["ended" if stage == "ended" else "moved" for stage in changes]
    assert told.count("ended") <= 1


def test_how_long_it_ran_is_known_where_its_start_was_seen() -> None:
    started = seen(watch(job("DEPLOYING")), job("RUNNING", at=100)).watch
    assert started.running_since == after(100)
    ended = seen(started, job("FAILED", at=700), at=715)
    assert ended.news == (Ended(job=job("FAILED", at=700), ran=600),)
    assert ended.watch.running_since == after(100)


def test_a_start_that_was_not_seen_is_not_claimed() -> None:
    for begun in ("RUNNING", "PENDING"):
        assert seen(watch(job(begun)), job("COMPLETED", at=9)).news == (
            Ended(job=job("COMPLETED", at=9), ran=None),
        )


def test_a_job_that_is_queued_again_starts_anew() -> None:
    back = seen(watch(job("RUNNING"), running_since=BEGIN), job("PENDING", at=50))
    assert back.news == (Moved(job=job("PENDING", at=50), again=True),)
    assert back.watch.running_since is None
    assert seen(back.watch, job("RUNNING", at=90)).watch.running_since == after(90)


@pytest.mark.parametrize("name", ENDS)
def test_a_status_without_its_prefix_is_the_same(name: str) -> None:
    bare = job(current_status=name)
    assert kinds(seen(watch(job()), bare)) == ["ended"]


@pytest.mark.parametrize("name", ["PENDING", "CREATED", "QUEUED"])
def test_waiting_for_long_is_said_once(name: str) -> None:
    waits = watch(job(name))
    assert seen(waits, job(name), at=TOO_LONG).news == ()
    told = seen(waits, job(name), at=TOO_LONG + 1)
    assert told.news == (StillWaiting(job=job(name), since=BEGIN, waited=TOO_LONG + 1),)
    assert (told.redraw, told.watch.ended) == (False, False)
    assert seen(told.watch, job(name), at=TOO_LONG * 9).news == ()


def test_a_job_that_went_back_to_waiting_waits_since_then() -> None:
    back = seen(watch(job("RUNNING")), job("PENDING", at=10_000), at=10_000).watch
    now = job("PENDING", at=10_000)
    assert seen(back, now, at=10_000 + TOO_LONG).news == ()
    late = seen(back, now, at=10_001 + TOO_LONG)
    assert late.news == (StillWaiting(job=now, since=after(10_000), waited=TOO_LONG + 1),)


@pytest.mark.parametrize("name", ["DEPLOYING", "RUNNING"])
def test_only_a_job_that_waits_waits_too_long(name: str) -> None:
    assert seen(watch(job(name)), job(name), at=TOO_LONG * 9).news == ()


NEWER = job("PENDING", at=200, id="j0b0002", name="second", created_at=after(200))


def test_a_newer_job_is_announced_once_and_the_watch_stays_with_its_own() -> None:
    begun = watch(job("RUNNING"), running_since=BEGIN)
    looked = seen(begun, job("RUNNING"), latest=NEWER)
    assert looked.news == (NewerJob(job=NEWER, followed=job("RUNNING")),)
    assert (looked.watch.ended, looked.moved, looked.redraw) == (False, True, True)
    assert looked.watch.job == job("RUNNING")
    assert looked.watch.running_since == BEGIN
    assert looked.watch.summary().newer_job == "second"
    assert seen(looked.watch, job("RUNNING"), latest=NEWER).news == ()
    third = job("RUNNING", id="j0b0003", created_at=after(300))
    assert kinds(seen(looked.watch, job("RUNNING"), latest=third)) == ["newer_job"]
    assert seen(seen(looked.watch, job(), latest=third).watch, job(), latest=NEWER).news == ()


def test_the_old_jobs_end_comes_first_and_is_the_end_of_the_watch() -> None:
    begun = watch(job("RUNNING"), running_since=BEGIN)
    looked = seen(begun, job("STOPPED", at=40), latest=NEWER)
    assert looked.news == (
        Ended(job=job("STOPPED", at=40), ran=40),
        NewerJob(job=NEWER, followed=None),
    )
    assert looked.watch.ended


def test_a_newer_job_that_has_ended_already_is_not_announced() -> None:
    newer = job("FAILED", at=250, id="j0b0002", created_at=after(200))
    assert seen(watch(job("RUNNING")), job("RUNNING"), latest=newer).news == ()


def test_a_newer_job_that_another_watch_announces_is_known_without_news() -> None:
    observed = Observation(latest=NEWER, watched=job())
    looked = compare(watch(job()), observed, after(60), TOO_LONG, None)
    assert looked.news == ()
    assert looked.redraw
    assert looked.watch.summary().newer_job == "second"


@pytest.mark.parametrize("created", [-100, 0])
def test_an_older_job_is_not_news(created: float) -> None:
    other = job("RUNNING", id="j0b0000", created_at=after(created))
    assert seen(watch(job("RUNNING")), None, latest=other).news == ()
    assert seen(watch(job("RUNNING")), job("RUNNING"), latest=other).news == ()


def test_the_first_job_of_a_project_is_news() -> None:
    looked = seen(watch(None), None, latest=job("PENDING"))
    assert looked.news == (FirstJob(job=job("PENDING")),)
    assert looked.watch.job == job("PENDING")
    assert seen(looked.watch, job("PENDING")).news == ()


def test_a_first_job_that_has_ended_is_told_by_its_end() -> None:
    looked = seen(watch(None), None, latest=job("FAILED", at=40))
    assert looked.news == (Ended(job=job("FAILED", at=40), ran=None),)
    assert looked.watch.ended


@pytest.mark.parametrize("latest", [None, job()])
def test_a_watch_ends_after_14_days(latest: TrainingJob | None) -> None:
    begun = watch(latest)
    days = LONGEST.total_seconds()
    assert seen(begun, latest, at=days - 1).news == ()
    looked = seen(begun, latest, at=days)
    assert (looked.news, looked.watch.ended) == ((Expired(),), True)
    unknown = compare(begun, Observation(), BEGIN + timedelta(days=30), TOO_LONG)
    assert (unknown.news, unknown.watch.ended) == ((Expired(),), True)


def test_a_job_that_ends_on_the_last_day_just_ends() -> None:
    looked = seen(watch(job()), job("COMPLETED"), at=LONGEST.total_seconds())
    assert kinds(looked) == ["ended"]


GONE = Observation(project_missing=True)


def lost(latest: TrainingJob | None) -> Observation:
    """Return a lookup of a project that no longer has the watched job."""
    return Observation(project=project(latest), latest=latest, job_missing=True)


@pytest.mark.parametrize("latest", [None, job()])
def test_a_watch_ends_with_its_project_once_that_is_gone_twice(latest: TrainingJob | None) -> None:
    first = compare(watch(latest), GONE, after(60), TOO_LONG)
    assert (first.news, first.watch.ended, first.redraw, first.moved) == ((), False, False, True)
    assert first.watch == watch(latest, missing=1)
    looked = compare(first.watch, GONE, after(75), TOO_LONG)
    assert (looked.news, looked.watch.ended) == ((Gone(),), True)
    assert looked.watch.gone
    assert looked.watch.project == watch(latest).project


def test_an_answer_that_was_wrong_once_ends_nothing() -> None:
    missed = compare(watch(job()), GONE, after(60), TOO_LONG).watch
    found = seen(missed, job())
    assert (found.news, found.watch.ended) == ((), False)
    assert found.watch == watch(job())
    assert compare(found.watch, GONE, after(90), TOO_LONG).news == ()
    without_job = compare(watch(None), GONE, after(60), TOO_LONG).watch
    assert seen(without_job, None, project=project(None)).watch == watch(None)
    assert seen(without_job, None).watch is without_job  # a search has no result for it


def test_a_job_that_is_lost_twice_ends_its_watch_and_is_no_longer_shown() -> None:
    older = job("FAILED", id="j0b0000", created_at=after(-100))
    for latest in (None, older):
        begun = watch(job(), running_since=BEGIN)
        first = compare(begun, lost(latest), after(60), TOO_LONG)
        assert (first.news, first.watch.ended) == ((), False)
        looked = compare(first.watch, lost(latest), after(75), TOO_LONG)
        assert (looked.news, looked.watch.ended) == ((Lost(job=job()),), True)
        assert looked.watch.job == latest
        assert looked.watch.summary().running_since is None


def test_what_is_missing_does_not_outlast_the_14_days() -> None:
    looked = compare(watch(job()), GONE, BEGIN + LONGEST, TOO_LONG)
    assert (looked.news, looked.watch.ended) == ((Expired(),), True)


def test_what_is_not_known_now_changes_nothing() -> None:
    for begun in (watch(job("PENDING")), watch(None)):
        looked = compare(begun, Observation(), after(TOO_LONG * 9), TOO_LONG)
        assert looked == Changes(begun)


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ({"current_status": "TRAINING_JOB_QUEUED"}, True),
        ({"error_message": "Spot capacity is available."}, True),
        ({"checkpoint_sync_status": "SYNCING"}, True),
        ({"name": "renamed"}, True),
        ({"node_count": 2}, True),
        ({"availability_model": "spot"}, True),
        ({"updated_at": after(60)}, False),
    ],
)
def test_the_message_is_drawn_again_when_it_would_look_different(
    change: dict[str, Any], *, moved: bool
) -> None:
    looked = seen(watch(job("PENDING")), job("PENDING", **change), at=60 if moved else 600)
    assert (looked.redraw, looked.moved, looked.news) == (True, moved, ())
    assert looked.watch.job == job("PENDING", **change)


@pytest.mark.parametrize("change", [{"updated_at": after(59)}, {"training_project_id": None}])
def test_what_nobody_would_see_draws_nothing(change: dict[str, Any]) -> None:
    begun = watch(job("PENDING"))
    assert seen(begun, job("PENDING", **change)) == Changes(begun)


def test_times_alone_draw_it_every_ten_minutes_and_all_else_at_once() -> None:
    watched, drawn = watch(job(), drawn_at=after(0)), []
    for minute in range(1, 25):
        looked = seen(watched, job(at=60 * minute), at=60 * minute)
        assert looked.news == ()
        watched = looked.watch
        drawn += [minute] if looked.redraw else []
    assert drawn == [10, 20]
    synced = seen(watched, job(at=60 * 25, checkpoint_sync_status="SYNCING"), at=60 * 25)
    assert synced.redraw
    # That has drawn the times too.
    assert not seen(synced.watch, job(at=60 * 34, checkpoint_sync_status="SYNCING"), at=2040).redraw


def test_a_project_that_was_renamed_is_drawn_again() -> None:
    for latest in (None, job()):
        renamed = project(latest, name="renamed")
        looked = seen(watch(latest), latest, project=renamed)
        assert (looked.redraw, looked.news) == (True, ())
        assert looked.watch.project == renamed


def test_an_outbox_comes_back_as_it_was() -> None:
    news: tuple[News, ...] = (
        Moved(job=job(), again=True),
        Ended(job=job(), ran=5),
        StillWaiting(job=job(), since=BEGIN, waited=5),
        NewerJob(job=NEWER, followed=job(), also=("U0DANA0001",)),
        FirstJob(job=job()),
        Expired(),
        Gone(),
        Lost(job=job()),
        Mentions(user_ids=("U0DANA0001",)),
        Farewell(user_id="U0DANA0001", slack_error="is_archived"),
    )
    full = watch(job()).with_news(BEGIN, news)
    assert Watch.model_validate(full.model_dump(mode="json")) == full
    assert len({item.id for item in full.outbox}) == full.numbered == len(news)


def test_a_watch_of_an_earlier_version_goes_on() -> None:
    fields = watch(job()).model_dump(mode="json") | {"stage": "unknown", "notifications": 3}
    assert Watch.model_validate(fields) == watch(job())


@pytest.mark.parametrize(
    ("quiet", "changes", "at"),
    [
        (True, {}, 60),
        (True, {"current_status": "TRAINING_JOB_DEPLOYING"}, 60),
        (False, {"current_status": "TRAINING_JOB_PENDING"}, 60),
        (False, {"current_status": "TRAINING_JOB_STOPPED"}, 60),
        (False, {}, LONGEST.total_seconds()),
    ],
)
def test_what_is_quiet_would_be_compared_without_a_result(
    changes: dict[str, Any], at: float, *, quiet: bool
) -> None:
    same = job(**changes)
    begun = watch(same)
    assert begun.job is same
    observed = Observation(latest=same, watched=same)
    assert is_quiet(begun, observed, after(at)) is quiet
    assert not is_quiet(begun, Observation(latest=NEWER, watched=same), after(at))
    assert not is_quiet(begun, Observation(latest=same, watched=job("STOPPED")), after(at))
    missed = begun.model_copy(update={"missing": 1})
    assert not is_quiet(missed, observed, after(at))
    if quiet:
        assert compare(begun, observed, after(at), TOO_LONG) == Changes(begun)
