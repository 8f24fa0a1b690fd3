"""What a worker holds in memory: how much fits, and whose turn is next."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_POST = 10.0  # seconds
_SHORTEST_SHUTDOWN = 12.0  # seconds; in a shorter one no post begins


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a worker holds in memory; everything else waits in the database.

    Attributes:
        slots: tasks that run at once.
        held: tasks in memory at once: running, or waiting for their channel.
        lane: of those, the tasks of one channel.
        retries: how often a step that failed is tried again.
        old: seconds that a task waits for its turn before the operator hears of it.
    """

    slots: int = 100
    held: int = 500
    lane: int = 20
    retries: int = 10
    old: float = 10.0


class Turns:
    """The places of waiting tasks: people take turns, however much each of them has.

    A person's next task stands one place behind the one before, and never before the place that is
    served now. (Start-time fair queueing, with people as flows.)
    """

    def __init__(self, waiting: Iterable[Sequence[Any]] = ()) -> None:
        found = list(waiting)  # a person, the first place, the last place
        self.now: int = min((first for _, first, _ in found), default=0)
        self._last: dict[str, int] = {person: last for person, _, last in found}

    def next(self, person: str) -> int:
        """Return the place of a person's next task."""
        place = max(self.now, self._last.get(person, -1) + 1)
        self._last[person] = place
        return place

    def served(self, place: int) -> None:
        """Note the place of a task that was claimed."""
        if place > self.now:
            self.now = place
            self._last = {person: last for person, last in self._last.items() if last >= place}


class Room:
    """The tasks in a worker's memory, and the time until which they may post.

    A task is held from its claim until its result is written, and runs in between.

    Args:
        limits: how much fits.
        held: the ids of all tasks in this process's memory, to be kept up to date.
        on_free: called when there might be room for another task.

    Attributes:
        closed: no task begins any more.
    """

    def __init__(self, limits: Limits, held: set[str], on_free: Callable[[], object]) -> None:
        self.closed = False
        self._limits = limits
        self._held = held
        self._on_free = on_free
        self._lanes: dict[str, str] = {}  # of each task held here
        self._count: Counter[str] = Counter()
        self._running = 0
        self._last_post = float("inf")  # on the monotonic clock

    def left(self) -> int:
        """Return how many more tasks can begin."""
        if self.closed:
            return 0
        return min(self._limits.slots - self._running, self._limits.held - len(self._lanes))

    def takes(self, task_id: str, lane: str) -> bool:
        """Return whether this task can begin now."""
        full = bool(lane) and self._count[lane] >= self._limits.lane
        return self.left() > 0 and not full and task_id not in self._held

    def full_lanes(self) -> tuple[str, ...]:
        """Return the lanes that take no further task."""
        most = self._limits.lane
        return tuple(lane for lane, count in self._count.items() if lane and count >= most)

    def hold(self, task_id: str, lane: str) -> None:
        """Hold a task that is about to run."""
        self._held.add(task_id)
        self._lanes[task_id] = lane
        self._count[lane] += 1
        self._running += 1

    def release(self, task_id: str) -> None:
        """Forget a task that has stopped running."""
        self._held.discard(task_id)
        lane = self._lanes.pop(task_id)
        self._count[lane] -= 1
        if not self._count[lane]:
            del self._count[lane]
        self._on_free()

    def stop(self) -> None:
        """Give a slot back: a task has ended, or waits in memory."""
        self._running -= 1
        self._on_free()

    def go_on(self) -> None:
        """Take a slot for a task that has waited in memory."""
        self._running += 1

    def close(self, seconds: float) -> None:
        """Let no task begin, and no post that could be under way after so many seconds."""
        self.closed = True
        last = seconds - LONGEST_POST if seconds >= _SHORTEST_SHUTDOWN else 0.0
        self._last_post = time.monotonic() + last

    def may_post(self) -> bool:
        """Return whether a post may still begin."""
        return time.monotonic() < self._last_post
