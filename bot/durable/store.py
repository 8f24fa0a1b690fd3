"""The store: tasks, documents, and the topics that processes publish to each other."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, Protocol, cast

import structlog

from bot.durable.batch import Row, task_of
from bot.durable.committer import Backend, Committer, Pending
from bot.durable.model import Amend, Change, Claim, Enqueue, Run, State, Task
from bot.durable.statements import (
    GET_DOCUMENT,
    GET_TASK,
    NEXT_DUE,
    OLDEST_WAITING,
    PAGE_OF_DOCUMENTS,
    PRUNE,
    STILL_OPEN,
    TURNS,
    WAKE_TASK,
    Statement,
)

log = structlog.stdlib.get_logger(__name__)

ACK_TIMEOUT = 1.0  # seconds; Slack waits 3 for an ack
BACKGROUND_TIMEOUT = 5.0  # seconds
_PAGE = 200  # rows that are read or deleted at once
LEASE_LOST = "lease lost"  # the topics that a process publishes to itself
HEALTH = "health"
_OWN = {LEASE_LOST, HEALTH}
Callback = Callable[[], object]


class Database(Backend, Protocol):
    """SQLite or PostgreSQL.

    Attributes:
        shared: other processes use the database too.
        owner: the id under which this process owns tasks.
        unclean_start: an earlier process ended without releasing its tasks.
        held: the ids of the tasks in this process's memory; the store sets it.
        on_topic: called with the topics that other processes publish; None: any might be missed.
        on_lost: called when other processes have taken this one for dead; ``owner`` is new then.
    """

    shared: bool
    owner: str
    unclean_start: bool
    held: set[str]
    on_topic: Callable[[str | None], object]
    on_lost: Callable[[], object]

    async def read(self, statement: Statement, rows: Sequence[Row], within: float) -> list[Row]:
        """Execute a statement that reads."""

    def publish(self, topic: str) -> None:
        """Send a topic to the other processes soon, if they can be reached."""

    async def hold_lease(self, owner: str) -> None:
        """Return while no other process can have this owner's tasks.

        Raises:
            LeaseLostError: another process can.
        """

    def problem(self) -> str | None:
        """Return the reason why written data could get lost, if there is one."""

    async def shrink(self) -> None:
        """Return the room of deleted rows to the disk."""


class Turns:
    """The places of waiting tasks: people take turns, however much each of them has.

    A person's next task stands one place behind the one before, and never before the place that is
    served now. (Start-time fair queueing, with people as flows.)
    """

    def __init__(self, waiting: Iterable[Row] = ()) -> None:
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


class Store:
    """Tasks and documents.

    Every coroutine raises `StoreUnavailableError` where the database does not answer.

    Args:
        database: writes and reads.

    Attributes:
        shared: other processes use the database too.
        unclean_start: an earlier process ended without releasing its tasks.
        held: the ids of the tasks in this process's memory.
    """

    def __init__(self, database: Database) -> None:
        self.shared = database.shared
        self.unclean_start = database.unclean_start
        self.held: set[str] = set()
        database.held = self.held
        self._database = database
        self._callbacks: list[tuple[str, Callback]] = []
        self._problem: str | None = None
        self._numbers = count()
        self._committer = Committer(database, self._set_problem)
        database.on_topic = self._call
        database.on_lost = lambda: self._call(LEASE_LOST)

    async def close(self, within: float) -> None:
        """Write for so many seconds more at most what is still to be written."""
        if left := await self._committer.close(within):
            log.error("changes were not written; their tasks run again", changes=left)

    # Tasks

    @property
    def owner(self) -> str:
        """The id under which this process owns tasks."""
        return self._database.owner

    def submit(self, *changes: Change) -> Pending:
        """Write a unit of changes, however long it takes, and do not wait for it."""
        return self._committer.submit(*changes, durable=True)

    def enqueue(self, change: Enqueue) -> Pending:
        """Insert a task, unless its time is up before; see `written`."""
        return self._committer.submit(replace(change, origin=self._unique()), durable=False)

    async def written(self, pending: Pending) -> list[Any]:
        """Return the results of a unit within the time of an ack.

        Raises:
            StoreUnavailableError: ``outcome_unknown`` if the unit was sent; else nothing was done.
        """
        return await self._committer.written(pending, ACK_TIMEOUT)

    async def write(self, *changes: Change, within: float = BACKGROUND_TIMEOUT) -> list[Any]:
        """Write a unit of changes; return a result for each.

        Raises:
            LeaseLostError: a saved task belongs to another process.
        """
        return await self._committer.write(*changes, within=within)

    async def claim(self, change: Claim) -> list[tuple[Task, int]]:
        """Claim tasks, and return them with their turns.

        It takes no time-out: claimed tasks that nobody receives would be lost to every process.
        """
        pending = self._committer.submit(change, durable=False)
        (claimed,) = await asyncio.shield(pending.written)
        return cast("list[tuple[Task, int]]", claimed)

    async def wake(self, task_id: str) -> bool:
        """Let a sleeping task be claimed now; return False where none sleeps under this id."""
        (rows,) = await self.write(Run(WAKE_TASK, (task_id,)))
        for (queue,) in rows:
            self.publish(queue)
        return bool(rows)

    async def get(self, task_id: str) -> Task | None:
        """Return a task, ended or not."""
        rows = await self._read(GET_TASK, (task_id,))
        return task_of(rows[0]) if rows else None

    async def next_due(self, queue: str, kinds: tuple[str, ...]) -> float | None:
        """Return the seconds until the next sleeping task is due; None: none sleeps."""
        ((seconds,),) = await self._read(NEXT_DUE, (queue, kinds))
        return None if seconds is None else max(0.0, seconds)

    async def oldest_waiting(self, queue: str) -> float:
        """Return the age in seconds of the task that waits longest for its turn."""
        ((seconds,),) = await self._read(OLDEST_WAITING, (queue,))
        return seconds or 0.0

    async def still_open(self, task_ids: Iterable[str]) -> int:
        """Return how many of these tasks have not ended."""
        ((number,),) = await self._read(STILL_OPEN, *((task_id,) for task_id in task_ids))
        return int(number)

    async def turns_of(self, queue: str) -> Turns:
        """Return the places of a queue's tasks."""
        return Turns(await self._read(TURNS, (queue,)))

    async def prune(self, age: float) -> int:
        """Delete the tasks that ended so many seconds ago; return their number."""
        deleted = 0
        while True:
            (rows,) = await self.write(Run(PRUNE, (age, _PAGE)))
            deleted += len(rows)
            if len(rows) < _PAGE:
                break
        if deleted:
            await self._database.shrink()
        return deleted

    async def hold_lease(self, owner: str | None = None) -> None:
        """Return while no other process can have a task.

        Args:
            owner: the task's; None: this process, as it is now.

        Raises:
            LeaseLostError: another process can.
        """
        await self._database.hold_lease(self.owner if owner is None else owner)

    # Documents

    def amendment(
        self, collection: str, key: str, change: Callable[[State | None], State | None]
    ) -> Amend:
        """Return a change of a document, to be written in a unit; see `Amend`."""
        return Amend(collection, key, change, self._unique())

    async def amend(
        self, collection: str, key: str, change: Callable[[State | None], State | None]
    ) -> State | None:
        """Change a document, as one act; return the new one."""
        (new,) = await self.write(self.amendment(collection, key, change))
        return cast("State | None", new)

    async def read(self, collection: str, key: str) -> State | None:
        """Return a document; None: there is none."""
        rows = await self._read(GET_DOCUMENT, (collection, key))
        return json.loads(rows[0][0]) if rows else None

    async def read_all(self, collection: str) -> dict[str, State]:
        """Return a collection's documents by key."""
        found: dict[str, State] = {}
        after: str | None = ""
        while after is not None:  # a page at a time, as decoding blocks the event loop
            rows = await self._read(PAGE_OF_DOCUMENTS, (collection, after, _PAGE))
            found |= {key: json.loads(value) for key, value in rows}
            after = rows[-1][0] if len(rows) == _PAGE else None
            await asyncio.sleep(0)
        return found

    # Topics

    def subscribe(self, topic: str, callback: Callback) -> Callable[[], None]:
        """Call back whenever a topic is published, here or elsewhere; return the unsubscriber.

        A process that could not listen for a while calls back for every topic.
        """
        entry = (topic, callback)
        self._callbacks.append(entry)
        return lambda: self._callbacks.remove(entry)

    def publish(self, topic: str) -> None:
        """Call the subscribers of a topic, here at once, elsewhere if they can be reached."""
        self._call(topic)
        self._database.publish(topic)

    # Health

    @property
    def problem(self) -> str | None:
        """The reason why nothing can be written; None: all is well."""
        return self._problem or self._database.problem()

    def health_changed(self) -> None:
        """Call the subscribers of `HEALTH`."""
        self._call(HEALTH)

    def _call(self, topic: str | None) -> None:
        for wanted, callback in list(self._callbacks):
            if topic == wanted or (topic is None and wanted not in _OWN):
                callback()

    def _set_problem(self, problem: str | None) -> None:
        if problem is None:
            log.info("the database answers again")
        else:
            log.warning("the database does not write", error=problem)
        self._problem = problem
        self.health_changed()

    async def _read(self, statement: Statement, *rows: Row) -> list[Row]:
        return await self._database.read(statement, rows, BACKGROUND_TIMEOUT)

    def _unique(self) -> str:
        return f"{self.owner}.{next(self._numbers)}"
