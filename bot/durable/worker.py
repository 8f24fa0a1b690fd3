"""Run tasks: at once where a slot is free, otherwise in turn; again after a failure."""

import asyncio
import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import structlog

from bot.durable.attempt import attempt
from bot.durable.context import Handler, TaskContext
from bot.durable.model import (
    Change,
    Claim,
    Enqueue,
    LeaseLostError,
    Save,
    State,
    StoreUnavailableError,
    Task,
)
from bot.durable.room import Limits, Room, Turns
from bot.durable.store import LEASE_LOST, Store

log = structlog.stdlib.get_logger(__name__)

# Seconds between looks at a shared database. A notification can only get lost with its connection,
# and the next connection looks at once. At 5 s, three workers woke the process 2 times a second.
_POLL = 15.0
_REPORT = 5.0  # seconds between reports of a backlog
_GATHER = 0.25  # seconds; timers that are due so close together are claimed at once
_RETRY = 1.0  # seconds until the database is tried again


class Worker:
    """Run the tasks of one queue.

    Args:
        store: where the tasks are.
        queue: names the worker; its tasks carry it.
        limits: how much to hold.

    Attributes:
        problem: the reason why no task can be claimed; None: all is well.
        late_by: the age in seconds of the oldest task that waits for a slot, if it is over 10.
    """

    def __init__(self, store: Store, queue: str, limits: Limits | None = None) -> None:
        self.store = store
        self.problem: str | None = "has not looked for tasks yet"
        self.late_by = 0.0
        self._queue = queue
        self._limits = limits or Limits()
        self._handlers: dict[str, Handler] = {}
        self._room = Room(self._limits, store.held, self._freed)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._contexts: dict[str, TaskContext] = {}
        self._wake = asyncio.Event()
        self._backlog = True  # tasks might wait in the database
        self._full_lanes: tuple[str, ...] = ()  # at the last claim
        self._turns = Turns()
        self._next_report = 0.0  # on the monotonic clock

    def on(self, kind: str, handler: Handler) -> None:
        """Run the tasks of a kind with this handler; before `run`."""
        self._handlers[kind] = handler

    async def enqueue(
        self, task_id: str, kind: str, state: State, *, person: str = "", lane: str = ""
    ) -> bool:
        """Accept a task: when this returns, it survives the process.

        Args:
            task_id: the idempotency key.
            kind: names the handler.
            state: JSON.
            person: takes turns with other people.
            lane: the channel.

        Returns:
            False: a task with this id was accepted before, and nothing was changed.

        Raises:
            StoreUnavailableError: within 1 s. ``outcome_unknown``: it might have been accepted,
                and is run in that case; otherwise nothing was done.
            ValueError, TypeError: no id, or no JSON.
        """
        at_once = not self._backlog and self._room.takes(task_id, lane)
        change = Enqueue(
            task_id,
            kind,
            state,
            self._queue,
            person=person,
            lane=lane,
            owner=self.store.owner if at_once else "",
            turn=self._turns.now if at_once else self._turns.next(person),
        )
        json.dumps(state, allow_nan=False)
        if at_once:
            self._room.hold(task_id, lane)
        pending = self.store.enqueue(change)
        pending.written.add_done_callback(partial(self._enqueued, change))
        (inserted,) = await self.store.written(pending)
        return bool(inserted)

    async def run(self) -> None:
        """Claim tasks until cancelled, whatever happens."""
        stop = [
            self.store.subscribe(self._queue, self._look),
            self.store.subscribe(LEASE_LOST, self._drop_all),
        ]
        try:
            await self._load_turns()
            while True:
                self._wake.clear()
                pause = await self._claim()
                if self._backlog:
                    pause = _REPORT if pause is None else min(pause, _REPORT)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                if self._backlog:
                    await self._report_backlog()
        finally:
            for unsubscribe in stop:
                unsubscribe()

    async def drain(self, seconds: float) -> int:
        """Begin no task, let the running ones end, cancel the rest; return how many those were.

        No post begins later than 10 s before the end, and none at all in less than 12 s.
        """
        self._room.close(seconds)
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=seconds)
        late = list(self._tasks.values())
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1.0)
        return len(late)

    def _freed(self) -> None:
        if self._full_lanes and self._room.full_lanes() != self._full_lanes:
            self._look()
        elif self._backlog:
            self._wake.set()

    # Claiming

    def _look(self) -> None:
        self._backlog = True
        self._wake.set()

    def _set_problem(self, problem: str | None) -> None:
        if problem != self.problem:
            self.problem = problem
            self.store.health_changed()

    async def _report_backlog(self) -> None:
        """Log it where tasks wait too long for a slot."""
        if time.monotonic() < self._next_report:
            return
        self._next_report = time.monotonic() + _REPORT
        try:
            age = await self.store.oldest_waiting(self._queue)
        except Exception as error:  # noqa: BLE001 - the loop must go on
            log.warning("cannot look for old tasks", error=f"{type(error).__name__}: {error}")
            return
        self.late_by = age if age > self._limits.old else 0.0
        if self.late_by:
            log.warning("tasks wait for a slot", queue=self._queue, oldest_seconds=round(age))

    async def _load_turns(self) -> None:
        with suppress(StoreUnavailableError):  # then people take turns from here on
            self._turns = Turns(await self.store.turns_of(self._queue))

    async def _claim(self) -> float | None:
        """Claim as many tasks as there is room for; return the seconds until the next look."""
        most = self._room.left()
        if most <= 0:
            self._backlog = True  # so that the next free slot wakes the loop
            return _REPORT
        lanes = self._room.full_lanes()
        kinds = tuple(self._handlers)
        claim = Claim(self._queue, kinds, most, lanes, tuple(self.store.held), self.store.owner)
        self._full_lanes = lanes
        try:
            claimed = await self.store.claim(claim)
            for task, turn in claimed:
                self._turns.served(turn)
                self._room.hold(task.id, task.lane)
                self._start(task)
            self._backlog = len(claimed) == most or self._wake.is_set()
            if self._backlog:
                return 0.0 if self._room.left() > 0 else _REPORT
            self.late_by = 0.0
            due = await self.store.next_due(self._queue, kinds)
        except Exception as error:  # noqa: BLE001 - this loop must go on, or all tasks are stranded
            log.warning("cannot claim tasks", error=f"{type(error).__name__}: {error}")
            self._backlog = True
            self._set_problem(f"cannot claim tasks: {error}")
            return _RETRY
        self._set_problem(None)
        longest = _POLL if self.store.shared else None
        if due is None:
            return longest
        return due + _GATHER if longest is None else min(due + _GATHER, longest)

    # Running

    def _enqueued(self, change: Enqueue, written: "asyncio.Future[list[object]]") -> None:
        """Begin a task that was inserted, even if its caller has left."""
        inserted = written.exception() is None and bool(written.result()[0])
        if not change.owner:
            if inserted:
                self.store.publish(self._queue)
        elif inserted:
            self._start(
                Task(
                    id=change.task_id,
                    kind=change.kind,
                    state=change.state,
                    created_at=datetime.now(UTC),
                    person=change.person,
                    lane=change.lane,
                    owner=change.owner,
                )
            )
        else:
            self._room.stop()
            self._room.release(change.task_id)

    def _start(self, task: Task) -> None:
        if self._room.closed:  # since it was accepted or claimed
            self._room.stop()
            self._save(task, (Save(task, delay=0.0),))
            return
        context = TaskContext(task, self.store, self._room)
        running = self._tasks[task.id] = asyncio.create_task(self._run(context))
        self._contexts[task.id] = context
        running.add_done_callback(lambda _: self._forget(task.id))

    def _forget(self, task_id: str) -> None:
        del self._tasks[task_id], self._contexts[task_id]

    async def _run(self, context: TaskContext) -> None:
        """Make one attempt; the store retries until its result is written."""
        task = context.task
        with structlog.contextvars.bound_contextvars(task=task.id):
            try:
                handler = self._handlers[task.kind]
                changes = await attempt(context, handler, self._limits.retries)
            finally:
                self._room.stop()
        self._save(task, changes)

    def _save(self, task: Task, changes: tuple[Change, ...]) -> None:
        """Write a task's result, and keep the task in memory until then.

        So a process that has finished a task never runs it again, whatever the database does.
        """
        if not changes:  # another process has the task
            self._room.release(task.id)
            return
        pending = self.store.submit(*changes)
        pending.written.add_done_callback(partial(self._saved, task))
        if isinstance(changes[0], Save):  # it might be due before every other task
            pending.written.add_done_callback(lambda _: self._wake.set())

    def _saved(self, task: Task, written: "asyncio.Future[list[object]]") -> None:
        """Forget a task whose result is written."""
        self._room.release(task.id)
        if isinstance(error := written.exception(), LeaseLostError):
            log.warning("another process has this task", task=task.id)
        elif error is not None:
            log.error("a result cannot be written", task=task.id, exc_info=error)

    def _drop_all(self) -> None:
        """Cancel the running tasks, which other processes own by now; finished ones stay."""
        for task_id, running in list(self._tasks.items()):
            self._contexts[task_id].lost = True
            running.cancel()
        self._look()
