"""How much one person can ask for, so that nobody else waits for them."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.durable.model import StoreUnavailableError
from bot.durable.store import Store

_MINUTE = 60.0  # seconds
_MOST_PEOPLE = 10_000  # that are remembered; the ones who have been quiet longest are forgotten
_RETRY = 40.0  # seconds; what a person is told while their requests wait


class PersonLimitError(Exception):
    """A person asks for too much; nothing was done.

    Attributes:
        waiting: how many of their requests wait; 0: they asked too often in a minute.
        retry_after: seconds until they can try again.
    """

    def __init__(self, waiting: int, retry_after: float) -> None:
        super().__init__(f"{waiting} waiting" if waiting else "too many in a minute")
        self.waiting = waiting
        self.retry_after = retry_after


@dataclass(slots=True)
class _Person:
    """A person's requests of the last minute, and their tasks that might not have ended."""

    asked_at: deque[float] = field(default_factory=deque)
    task_ids: set[str] = field(default_factory=set)


class PersonLimits:
    """Count each person's requests in memory, for this process alone.

    Args:
        store: knows which tasks have ended.
        per_minute: requests that a person can make in a minute; 0: any number.
        most_waiting: tasks that a person can have at once; 0: any number.
        clock: a monotonic clock.
    """

    def __init__(
        self,
        store: Store,
        per_minute: int,
        most_waiting: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._per_minute = per_minute
        self._most_waiting = most_waiting
        self._clock = clock
        self._people: OrderedDict[str, _Person] = OrderedDict()

    async def admit(self, person: str) -> None:
        """Count a request of a person.

        Raises:
            PersonLimitError: they have too many.
        """
        known = self._person(person)
        if self._per_minute:
            self._count(known)
        if self._most_waiting and len(known.task_ids) >= self._most_waiting:
            await self._forget_ended(known)
            if len(known.task_ids) >= self._most_waiting:
                raise PersonLimitError(len(known.task_ids), _RETRY)

    def enqueued(self, person: str, task_id: str) -> None:
        """Note a task of a person."""
        if self._most_waiting:
            self._person(person).task_ids.add(task_id)

    def _count(self, person: _Person) -> None:
        now, asked_at = self._clock(), person.asked_at
        while asked_at and now - asked_at[0] >= _MINUTE:
            asked_at.popleft()
        if len(asked_at) >= self._per_minute:
            raise PersonLimitError(0, asked_at[0] + _MINUTE - now)
        asked_at.append(now)

    async def _forget_ended(self, person: _Person) -> None:
        asked = frozenset(person.task_ids)
        try:
            person.task_ids -= asked - await self._store.still_open(asked)
        except StoreUnavailableError:  # the request itself meets the same fault
            person.task_ids.clear()

    def _person(self, person: str) -> _Person:
        found = self._people.setdefault(person, _Person())
        self._people.move_to_end(person)
        if len(self._people) > _MOST_PEOPLE:
            self._people.popitem(last=False)
        return found
