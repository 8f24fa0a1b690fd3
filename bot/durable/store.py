"""The interface to tasks, documents, and the topics that processes publish to each other."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any, cast

import structlog

from bot.durable.batch import Row, task_of
from bot.durable.committer import Committer, Pending
from bot.durable.dialect import Database
from bot.durable.events import report_events
from bot.durable.model import Amend, Change, Claim, Enqueue, Record, Run, State, Task
from bot.durable.statements import (
    BACKLOG,
    COUNT_DOCUMENTS,
    GET_DOCUMENT,
    GET_TASK,
    MANY_DOCUMENTS,
    NEXT_DUE,
    OLDEST_WAITING,
    PAGE_OF_VERSIONS,
    PRUNE,
    STILL_OPEN,
    TURNS,
    WAKE_TASK,
    Statement,
)

log = structlog.stdlib.get_logger(__name__)

ACK_TIMEOUT = 1.0  # seconds; Slack waits 3 for an ack
BACKGROUND_TIMEOUT = 5.0  # seconds
_PAGE = 100  # documents in one read, and rows in one deletion
_PAGE_OF_VERSIONS = 1000
LEASE_LOST = "lease lost"  # this topic and the next stay within the process
HEALTH = "health"
_OWN = {LEASE_LOST, HEALTH}
Callback = Callable[[], object]


class Store:
    """Tasks and documents.

    Every coroutine raises `StoreUnavailableError` if the database does not answer.

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
        """Write the remaining changes, for up to ``within`` seconds."""
        if left := await self._committer.close(within):
            log.error("unwritten changes at exit; their tasks will run again", changes=left)

    # Tasks

    @property
    def owner(self) -> str:
        """The id under which this process owns tasks."""
        return self._database.owner

    def submit(self, *changes: Change) -> Pending:
        """Queue a unit of changes, which is retried until it is written."""
        pending = self._committer.submit(*changes, durable=True)
        if any(isinstance(change, Record) for change in changes):
            pending.written.add_done_callback(partial(report_events, changes))
        return pending

    def enqueue(self, change: Enqueue) -> Pending:
        """Queue a new task; `written` waits for it and can withdraw it."""
        return self._committer.submit(replace(change, origin=self._unique()), durable=False)

    async def written(self, pending: Pending) -> list[Any]:
        """Return the results of a unit within `ACK_TIMEOUT`.

        Raises:
            StoreUnavailableError: ``outcome_unknown`` if the unit was sent; otherwise the unit is
                withdrawn.
        """
        return await self._committer.written(pending, ACK_TIMEOUT)

    async def write(self, *changes: Change, within: float = BACKGROUND_TIMEOUT) -> list[Any]:
        """Write a unit of changes, and return one result per change.

        Raises:
            LeaseLostError: a saved task belongs to another process.
        """
        pending = self._committer.submit(*changes, durable=False)
        return await self._committer.written(pending, within)

    async def claim(self, change: Claim) -> list[tuple[Task, int]]:
        """Claim tasks, and return them with their turns.

        It has no timeout. After a timeout, this process would own tasks without knowing them.
        """
        pending = self._committer.submit(change, durable=False)
        (claimed,) = await asyncio.shield(pending.written)
        return cast("list[tuple[Task, int]]", claimed)

    async def wake(self, task_id: str) -> bool:
        """Make a sleeping task due now; return False if no task with this id sleeps."""
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
        """Return the age in seconds of the oldest waiting task."""
        ((seconds,),) = await self._read(OLDEST_WAITING, (queue,))
        return seconds or 0.0

    async def backlog(self, queue: str) -> tuple[int, float]:
        """Return the number of tasks that could run now, and the seconds the oldest has waited."""
        ((count, oldest),) = await self._read(BACKLOG, (queue,))
        return count, max(0.0, oldest or 0.0)

    async def still_open(self, task_ids: Iterable[str]) -> set[str]:
        """Return the ids whose tasks have not ended, within `ACK_TIMEOUT`."""
        ids = [(task_id,) for task_id in task_ids]
        rows = await self._database.read(STILL_OPEN, ids, ACK_TIMEOUT)
        return {task_id for (task_id,) in rows}

    async def turns_of(self, queue: str) -> list[Row]:
        """Return each person in a queue with their first and last turn."""
        return await self._read(TURNS, (queue,))

    async def prune(self, age: float, statement: Statement = PRUNE) -> int:
        """Delete tasks that ended ``age`` seconds ago or earlier; return their number.

        `bot.durable.statements` has a statement of this form for the events too.
        """
        deleted = 0
        while True:
            (rows,) = await self.write(Run(statement, (age, _PAGE)))
            deleted += len(rows)
            if len(rows) < _PAGE:
                break
        if deleted:
            await self._database.shrink()
        return deleted

    async def hold_lease(self, owner: str | None = None) -> None:
        """Return if no other process can own this owner's tasks.

        Args:
            owner: the owner of a task; None: this process.

        Raises:
            LeaseLostError: another process can own them.
        """
        await self._database.hold_lease(self.owner if owner is None else owner)

    # Documents

    def amendment(
        self, collection: str, key: str, change: Callable[[State | None], State | None]
    ) -> Amend:
        """Return a change of a document, for use in a unit; see `Amend`."""
        return Amend(collection, key, change, self._unique())

    async def amend(
        self, collection: str, key: str, change: Callable[[State | None], State | None]
    ) -> State | None:
        """Change a document atomically, and return the new document."""
        (new,) = await self.write(self.amendment(collection, key, change))
        return cast("State | None", new)

    async def read(self, collection: str, key: str) -> State | None:
        """Return a document, or None."""
        rows = await self._read(GET_DOCUMENT, (collection, key))
        return json.loads(rows[0][0]) if rows else None

    async def read_changed(
        self, collection: str, known: Mapping[str, str]
    ) -> tuple[dict[str, str], dict[str, State]]:
        """Return each document's version by key, and the documents of other versions than known."""
        versions: dict[str, str] = {}
        after: str | None = ""
        while after is not None:
            rows = await self._read(PAGE_OF_VERSIONS, (collection, after, _PAGE_OF_VERSIONS))
            versions |= dict(cast("list[tuple[str, str]]", rows))
            after = rows[-1][0] if len(rows) == _PAGE_OF_VERSIONS else None
            await asyncio.sleep(0)
        found: dict[str, State] = {}
        wanted = [key for key, version in versions.items() if known.get(key) != version]
        await asyncio.sleep(0)
        for start in range(0, len(wanted), _PAGE):  # by page: decoding blocks the event loop
            page = wanted[start : start + _PAGE]
            rows = await self._read(MANY_DOCUMENTS, *((collection, key) for key in page))
            found |= {key: json.loads(value) for key, _, value in rows}
            versions |= {key: version for key, version, _ in rows}
            await asyncio.sleep(0)
        gone = {key for key in wanted if key not in found}
        return {k: v for k, v in versions.items() if k not in gone}, found

    async def count(self, collection: str) -> int:
        """Return the number of a collection's documents."""
        ((number,),) = await self._read(COUNT_DOCUMENTS, (collection,))
        return int(number)

    # Topics

    def subscribe(self, topic: str, callback: Callback) -> Callable[[], None]:
        """Call back when any process publishes the topic; return a function that unsubscribes.

        After a gap in its connection, a process calls back for every topic.
        """
        entry = (topic, callback)
        self._callbacks.append(entry)
        return lambda: self._callbacks.remove(entry)

    def publish(self, topic: str) -> None:
        """Call the subscribers of a topic: here at once, in other processes if possible."""
        self._call(topic)
        self._database.publish(topic)

    # Health

    @property
    def problem(self) -> str | None:
        """The reason why the store cannot write, or None."""
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
            log.warning("the database cannot write", error=problem)
            if self._problem is None:
                # It is retried until it is written. Without it, nothing would prove the recovery
                # while a platform sends no requests to a bot that is not ready.
                self.submit(self.amendment("health", "proof", lambda _: {"problem": problem}))
        self._problem = problem
        self.health_changed()

    async def _read(self, statement: Statement, *rows: Row) -> list[Row]:
        return await self._database.read(statement, rows, BACKGROUND_TIMEOUT)

    def _unique(self) -> str:
        return f"{self.owner}.{next(self._numbers)}"
