"""The limits of a worker, and the turns of people."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_POST = 10.0  # seconds
_SHORTEST_SHUTDOWN = 12.0  # seconds; in a shorter one no post begins


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a worker holds in memory; all other tasks wait in the database.

    Attributes:
        slots: the most tasks that run at once.
        held: the most tasks in memory: running ones, and ones that wait for their channel.
        lane: the most tasks of one channel in memory.
        retries: how many times a failed step is retried.
        old: seconds in the queue after which a task is logged.
    """

    slots: int = 100
    held: int = 500
    lane: int = 20
    retries: int = 10
    old: float = 10.0


class Turns:
    """The turns of waiting tasks: start-time fair queueing, with one flow per person.

    A person's next task gets the turn after their last task, but no turn before the current one.
    """

    def __init__(self, waiting: Iterable[Sequence[Any]] = ()) -> None:
        found = list(waiting)  # (person, first turn, last turn)
        self.now: int = min((first for _, first, _ in found), default=0)
        self._last: dict[str, int] = {person: last for person, _, last in found}

    def next(self, person: str) -> int:
        """Return the turn of a person's next task."""
        turn = max(self.now, self._last.get(person, -1) + 1)
        self._last[person] = turn
        return turn

    def served(self, turn: int) -> None:
        """Advance to the turn of a claimed task."""
        if turn > self.now:
            self.now = turn
            self._last = {person: last for person, last in self._last.items() if last >= turn}


class Room:
    """The tasks in a worker's memory, and the deadline for their posts.

    A task is held from its claim until its result is written.

    Args:
        limits: the capacity.
        held: the ids of all tasks in this process's memory; `Room` updates it.
        on_free: called after a task or a slot is released.

    Attributes:
        closed: no further task begins.
        running: the number of taken slots.
    """

    def __init__(self, limits: Limits, held: set[str], on_free: Callable[[], object]) -> None:
        self.closed = False
        self._limits = limits
        self._held = held
        self._on_free = on_free
        self._lanes: dict[str, str] = {}  # by task id
        self._count: Counter[str] = Counter()
        self.running = 0
        self._last_post = float("inf")  # on the monotonic clock

    def left(self) -> int:
        """Return the number of tasks that can begin."""
        if self.closed:
            return 0
        return min(self._limits.slots - self.running, self._limits.held - len(self._lanes))

    def takes(self, task_id: str, lane: str) -> bool:
        """Return whether this task can begin now."""
        full = bool(lane) and self._count[lane] >= self._limits.lane
        return self.left() > 0 and not full and task_id not in self._held

    def full_lanes(self) -> tuple[str, ...]:
        """Return the lanes that have reached their limit."""
        most = self._limits.lane
        return tuple(lane for lane, count in self._count.items() if lane and count >= most)

    def hold(self, task_id: str, lane: str) -> None:
        """Hold a task, and take a slot for it."""
        self._held.add(task_id)
        self._lanes[task_id] = lane
        self._count[lane] += 1
        self.running += 1

    def release(self, task_id: str) -> None:
        """Remove a task that no longer runs from memory."""
        self._held.discard(task_id)
        lane = self._lanes.pop(task_id)
        self._count[lane] -= 1
        if not self._count[lane]:
            del self._count[lane]
        self._on_free()

    def stop(self) -> None:
        """Release a slot: a task has ended, or waits in memory."""
        self.running -= 1
        self._on_free()

    def go_on(self) -> None:
        """Take a slot for a task that has waited in memory, even if no slot is free."""
        self.running += 1

    def close(self, seconds: float) -> None:
        """Begin no further task, and no post that could last longer than ``seconds``."""
        self.closed = True
        last = seconds - LONGEST_POST if seconds >= _SHORTEST_SHUTDOWN else 0.0
        self._last_post = time.monotonic() + last

    def may_post(self) -> bool:
        """Return whether a post may begin."""
        return time.monotonic() < self._last_post
