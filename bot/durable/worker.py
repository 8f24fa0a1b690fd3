"""Run tasks: at once where a slot is free, otherwise in turn; again after a failure."""

import asyncio
import json
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import structlog

from bot.durable.context import Handler, Slots, TaskContext
from bot.durable.model import (
    Change,
    Claim,
    Done,
    Enqueue,
    Finish,
    LeaseLostError,
    PostponedError,
    RunAgain,
    Save,
    State,
    StoreUnavailableError,
    Task,
)
from bot.durable.store import LEASE_LOST, Store, Turns

log = structlog.stdlib.get_logger(__name__)

# Seconds between looks at a shared database. A notification can only get lost with its connection,
# and the next connection looks at once. At 5 s, three workers woke the process 2 times a second.
_POLL = 15.0
_REPORT = 5.0  # seconds between reports of a backlog
_GATHER = 0.25  # seconds; timers that are due so close together are claimed at once
_RETRY = 1.0  # seconds until the database is tried again
_OLD = 10.0  # seconds that a task waits for its turn before the operator hears of it
_LONGEST_BACKOFF = 300.0  # seconds
_LONGEST_ERROR = 2000  # characters


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a worker holds in memory; everything else waits in the database.

    Attributes:
        slots: tasks that run at once.
        held: tasks in memory at once: running, or waiting for their channel.
        lane: of those, the tasks of one channel.
        retries: how often a step that failed is tried again.
    """

    slots: int = 100
    held: int = 500
    lane: int = 20
    retries: int = 10


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
        self._slots = Slots(self._slot_freed)
        self._lanes: Counter[str] = Counter()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._held: set[str] = set()
        self._wake = asyncio.Event()
        self._backlog = True  # tasks might wait in the database
        self._full_lanes: tuple[str, ...] = ()  # at the last claim
        self._turns = Turns()
        self._draining = False
        self._next_report = 0.0  # on the monotonic clock
        self._lost: set[str] = set()  # ids of tasks that other processes took over

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
        at_once = self._has_room(lane) and task_id not in self.store.held
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
            self._hold(task_id, lane)
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
        self._draining = True
        ends = time.monotonic() + seconds
        self._slots.end_in(seconds)
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=max(0.0, ends - time.monotonic()))
        late = list(self._tasks.values())
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1.0)
        return len(late)

    def _slot_freed(self) -> None:
        if self._backlog:
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
        self.late_by = age if age > _OLD else 0.0
        if self.late_by:
            log.warning("tasks wait for a slot", queue=self._queue, oldest_seconds=round(age))

    async def _load_turns(self) -> None:
        with suppress(StoreUnavailableError):  # then people take turns from here on
            self._turns = await self.store.turns_of(self._queue)

    def _room(self) -> int:
        if self._draining:
            return 0
        limits = self._limits
        return min(limits.slots - self._slots.taken, limits.held - len(self._held))

    def _has_room(self, lane: str) -> bool:
        """Return whether a new task can begin at once, ahead of nobody."""
        lane_full = bool(lane) and self._lanes[lane] >= self._limits.lane
        return not self._backlog and not lane_full and self._room() > 0

    async def _claim(self) -> float | None:
        """Claim as many tasks as there is room for; return the seconds until the next look."""
        most = self._room()
        if most <= 0:
            return None  # the next free slot wakes the loop
        lanes = tuple(
            lane for lane, held in self._lanes.items() if lane and held >= self._limits.lane
        )
        kinds = tuple(self._handlers)
        claim = Claim(self._queue, kinds, most, lanes, tuple(self.store.held), self.store.owner)
        self._full_lanes = lanes
        try:
            claimed = await self.store.claim(claim)
            for task, turn in claimed:
                self._turns.served(turn)
                self._hold(task.id, task.lane)
                self._start(task)
            self._backlog = len(claimed) == most or self._wake.is_set()
            if not self._backlog:
                self.late_by = 0.0
            if self._backlog:
                return 0.0 if self._room() > 0 else None
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
            self._release(change.task_id, change.lane)
            self._slots.free()

    def _hold(self, task_id: str, lane: str) -> None:
        self._held.add(task_id)
        self.store.held.add(task_id)
        self._lanes[lane] += 1
        self._slots.take()

    def _release(self, task_id: str, lane: str) -> None:
        self._held.discard(task_id)
        self.store.held.discard(task_id)
        self._lanes[lane] -= 1
        if not self._lanes[lane]:
            del self._lanes[lane]
        if lane in self._full_lanes:
            self._look()

    def _start(self, task: Task) -> None:
        running = asyncio.create_task(self._run(TaskContext(task, self.store, self._slots)))
        self._tasks[task.id] = running
        running.add_done_callback(lambda _: self._tasks.pop(task.id))

    async def _run(self, context: TaskContext) -> None:
        """Make one attempt; the store retries until its result is written."""
        task = context.task
        with structlog.contextvars.bound_contextvars(task=task.id):
            try:
                changes = await self._attempt(context)
            finally:
                self._slots.free()
        if not changes:  # it is another process's task
            self._release(task.id, task.lane)
            return
        # In memory until it is written: a process that has finished a task never runs it again.
        pending = self.store.submit(*changes)
        pending.written.add_done_callback(partial(self._saved, task))
        if isinstance(changes[0], Save):  # it might be due before every other task
            pending.written.add_done_callback(lambda _: self._wake.set())

    async def _attempt(self, context: TaskContext) -> tuple[Change, ...]:
        """Call the handler; return the changes that its end makes, none if the task is not ours."""
        try:
            if self._draining:  # since it was accepted or claimed
                raise PostponedError  # noqa: TRY301
            outcome = await self._handlers[context.task.kind](context)
        except LeaseLostError:
            log.warning("another process has this task")
            return ()
        except PostponedError:
            return (Save(context.now(), delay=0.0),)
        except asyncio.CancelledError:
            if context.task.id in self._lost:
                return ()
            task = context.now()
            begun = task.step_may_have_run or not context.parked
            return (Save(replace(task, step_may_have_run=begun), delay=0.0),)
        except StoreUnavailableError as error:
            log.warning("the database is needed for this step; it runs again", error=str(error))
            return (Save(replace(context.now(), step_may_have_run=True), delay=_RETRY),)
        except Exception as error:
            log.exception("a step failed", failures=context.task.failures + 1)
            return (self._failed(context.now(), error),)
        match outcome:
            case Done(changes):
                return (Finish(context.task.id), *changes)
            case RunAgain(seconds, state, step_may_have_run, changes):
                again = replace(
                    context.task, state=state, step_may_have_run=step_may_have_run, failures=0
                )
                return (Save(again, delay=seconds), *changes)

    def _failed(self, task: Task, error: Exception) -> Save:
        """Return the task's next try, or its end after too many."""
        failures = task.failures + 1
        words = f"{type(error).__name__}: {error}".replace("\0", "")[:_LONGEST_ERROR]
        failed = replace(task, step_may_have_run=True, failures=failures, error=words)
        if failures > self._limits.retries:
            log.error("the task is given up")
            return Save(replace(failed, ended=True))
        return Save(failed, delay=backoff(failures))

    def _saved(self, task: Task, written: "asyncio.Future[list[object]]") -> None:
        """Forget a task whose result is written."""
        self._release(task.id, task.lane)
        if isinstance(error := written.exception(), LeaseLostError):
            log.warning("another process has this task", task=task.id)
        elif error is not None:
            log.error("a result cannot be written", task=task.id, exc_info=error)

    def _drop_all(self) -> None:
        """Cancel the running tasks, which other processes own by now; finished ones stay."""
        self._lost = set(self._tasks)
        for running in list(self._tasks.values()):
            running.cancel()
        self._look()


def backoff(failures: int) -> float:
    """Return the seconds to wait after so many failures; jitter spreads the tries."""
    seconds: float = min(_LONGEST_BACKOFF, 2.0 ** min(failures - 1, 9))
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
