"""The limit on message updates, and the waits that it causes."""

import pytest

from bot.sandbox import Clock
from bot.watches.update_rate_limiter import UpdateRateLimiter

MOST, GAP = 30, 15.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def full(clock: Clock) -> UpdateRateLimiter:
    """Use up all updates of a minute."""
    limiter = UpdateRateLimiter(clock, GAP)
    for number in range(MOST):
        assert limiter.delay(f"early{number}", MOST) == 0
        limiter.acquire(f"early{number}")
    return limiter


def waits(limiter: UpdateRateLimiter, count: int, most: int = MOST) -> list[float]:
    return [limiter.delay(f"late{number}", most) for number in range(count)]


def test_who_finds_no_room_is_given_a_moment_at_which_there_is(
    full: UpdateRateLimiter, clock: Clock
) -> None:
    moments = waits(full, 100)
    assert moments == [60 + 2 * number for number in range(100)]
    for number in range(100):
        clock.advance(moments[number] - (moments[number - 1] if number else 0))
        assert full.delay(f"late{number}", MOST) == 0
        full.acquire(f"late{number}")


def test_who_asks_again_keeps_the_place(full: UpdateRateLimiter, clock: Clock) -> None:
    assert waits(full, 3) == [60, 62, 64]
    clock.advance(10)
    assert waits(full, 3) == [50, 52, 54]


def test_who_comes_last_does_not_come_first(full: UpdateRateLimiter, clock: Clock) -> None:
    waits(full, 10)
    clock.advance(61)
    assert full.delay("new", MOST) == 19


def test_a_place_that_nobody_takes_holds_nobody_up(full: UpdateRateLimiter, clock: Clock) -> None:
    waits(full, 10)
    clock.advance(79)
    assert full.delay("new", MOST) == 0


def test_whose_room_was_taken_is_given_another_moment(
    full: UpdateRateLimiter, clock: Clock
) -> None:
    waits(full, 2)
    clock.advance(60)
    for number in range(MOST):
        full.acquire(f"news{number}")
    assert full.delay("late0", MOST) == 60


def test_news_does_not_wait_behind_what_is_none(full: UpdateRateLimiter) -> None:
    waits(full, 100)
    assert full.delay("news", MOST + 10) == 0


def test_nothing_is_kept_for_ever(full: UpdateRateLimiter, clock: Clock) -> None:
    waits(full, 100)
    clock.advance(3600)
    full.delay("new", MOST)
    assert not full._drawn  # noqa: SLF001 - its size shows nowhere else
    assert not full._drawn_by_message  # noqa: SLF001
    assert not any(full._queues.values())  # noqa: SLF001


def test_a_clock_that_was_set_back_holds_nobody_up(full: UpdateRateLimiter, clock: Clock) -> None:
    waits(full, 10)
    clock.advance(-7200)
    assert full.delay("late5", MOST) == 0


def test_one_message_is_not_drawn_twice_in_a_short_while(clock: Clock) -> None:
    limiter = UpdateRateLimiter(clock, GAP)
    limiter.acquire("one")
    clock.advance(1)
    assert limiter.delay("one", MOST) == 14
    assert limiter.delay("another", MOST) == 0
    clock.advance(14)
    assert limiter.delay("one", MOST) == 0
