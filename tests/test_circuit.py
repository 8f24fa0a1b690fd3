"""The circuit opens after failures that last, probes with one call, and closes at a success."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.circuit import FAILURES, Circuit, CircuitOpenError


class Clock:
    """A monotonic clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class NoAnswerError(Exception):
    """A failure of the server."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit("Baseten", clock=clock)


def fail(circuit: Circuit, error: BaseException | None = None) -> None:
    with pytest.raises((NoAnswerError, asyncio.CancelledError)), circuit.call(NoAnswerError):
        raise error or NoAnswerError


def answer(circuit: Circuit, *, failed: bool = False) -> None:
    with circuit.call(NoAnswerError) as call:
        call.failed = failed


def opened(circuit: Circuit, clock: Clock) -> None:
    for _ in range(FAILURES):
        fail(circuit)
        clock.now += 0.5
    assert is_open(circuit)


def is_open(circuit: Circuit) -> bool:
    try:
        circuit.check()
    except CircuitOpenError:
        return True
    return False


def test_ten_failures_that_last_open_it(circuit: Circuit, clock: Clock) -> None:
    for _ in range(FAILURES - 1):
        answer(circuit, failed=True)
        clock.now += 0.5
        assert not is_open(circuit)
    fail(circuit)
    with pytest.raises(CircuitOpenError, match="Baseten keeps failing") as refused:
        answer(circuit)
    assert refused.value.retry_after == 5.0


def test_a_blip_does_not_open_it(circuit: Circuit, clock: Clock) -> None:
    for _ in range(500):
        fail(circuit)
        clock.now += 0.005
    assert not is_open(circuit)
    clock.now += 0.6
    fail(circuit)
    assert is_open(circuit)


def test_failures_far_apart_do_not_open_it(circuit: Circuit, clock: Clock) -> None:
    for _ in range(5 * FAILURES):
        fail(circuit)
        clock.now += 31
    assert not is_open(circuit)


def test_an_answer_in_between_begins_the_count_again(circuit: Circuit, clock: Clock) -> None:
    for number in range(5 * FAILURES):
        if number % (FAILURES - 1):
            fail(circuit)
        else:
            answer(circuit)
        clock.now += 1
    assert not is_open(circuit)


def test_an_error_that_is_no_failure_counts_as_an_answer(circuit: Circuit, clock: Clock) -> None:
    for _ in range(3 * FAILURES):
        with pytest.raises(ValueError, match="unreadable"), circuit.call(NoAnswerError):
            raise ValueError("unreadable")
        clock.now += 1
    assert not is_open(circuit)


def test_a_late_failure_of_an_old_call_does_not_count(circuit: Circuit, clock: Clock) -> None:
    calls = [circuit.call(NoAnswerError) for _ in range(2 * FAILURES)]
    for call in calls:
        call.__enter__()
    clock.now += 15
    answer(circuit)
    for call in calls:
        error = NoAnswerError()
        assert not call.__exit__(NoAnswerError, error, None)
    assert not is_open(circuit)


@pytest.mark.parametrize(("seconds", "opens"), [(1.0, False), (4.0, True)])
def test_a_call_that_its_caller_gave_up_late_is_a_failure(
    circuit: Circuit, clock: Clock, seconds: float, *, opens: bool
) -> None:
    for _ in range(FAILURES):
        call = circuit.call(NoAnswerError)
        call.__enter__()
        clock.now += seconds
        assert not call.__exit__(asyncio.CancelledError, asyncio.CancelledError(), None)
    assert is_open(circuit) == opens


def test_after_the_pause_one_call_at_a_time_probes(circuit: Circuit, clock: Clock) -> None:
    opened(circuit, clock)
    clock.now += 5
    with circuit.call(NoAnswerError):
        assert is_open(circuit)
    assert not is_open(circuit)
    answer(circuit)


def test_each_failed_probe_doubles_the_pause_up_to_half_a_minute(
    circuit: Circuit, clock: Clock
) -> None:
    opened(circuit, clock)
    clock.now += 5
    pauses = []
    for _ in range(5):
        fail(circuit)
        with pytest.raises(CircuitOpenError) as refused:
            circuit.check()
        pauses.append(refused.value.retry_after)
        clock.now += refused.value.retry_after
    assert pauses == [10, 20, 30, 30, 30]


def test_a_probe_that_was_given_up_leaves_its_place_to_another(
    circuit: Circuit, clock: Clock
) -> None:
    opened(circuit, clock)
    clock.now += 5
    fail(circuit, asyncio.CancelledError())
    assert not is_open(circuit)
    answer(circuit)


def test_a_late_failure_of_an_old_call_does_not_prolong_the_pause(
    circuit: Circuit, clock: Clock
) -> None:
    old = circuit.call(NoAnswerError)
    old.__enter__()
    opened(circuit, clock)
    clock.now += 4
    assert not old.__exit__(NoAnswerError, NoAnswerError(), None)
    clock.now += 1
    assert not is_open(circuit)


def test_it_logs_once_when_it_opens_and_once_when_it_closes(circuit: Circuit, clock: Clock) -> None:
    with capture_logs() as lines:
        opened(circuit, clock)
        clock.now += 5
        fail(circuit)
        clock.now += 10
        answer(circuit)
        answer(circuit)
    assert [(line["log_level"], line["server"]) for line in lines] == [
        ("warning", "Baseten"),
        ("info", "Baseten"),
    ]
