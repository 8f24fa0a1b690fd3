"""Run tasks: at once if a slot is free, otherwise in turn. Failed steps are retried."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
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
    Request,
    Save,
    State,
    StoreUnavailableError,
    Task,
)
from bot.durable.room import Limits, Room, Turns
from bot.durable.store import LEASE_LOST, Store

log = structlog.stdlib.get_logger(__name__)

# Seconds between polls of a shared database. A notification is lost only if its connection is, and
# the worker polls after each reconnection. At 5 s, three workers woke the process twice a second.
_POLL = 15.0
_REPORT = 5.0  # seconds between reports of a backlog
_GATHER = 0.25  # seconds; tasks that are due within this time are claimed together
_RETRY = 1.0  # seconds until a failed claim is retried


class Worker:
    """Run the tasks of one queue.

    Args:
        store: holds the tasks.
        queue: the name of the worker and of its tasks.
        limits: the capacity.
        span: returns a context manager around each attempt, for a kind of task and the
            ``traceparent`` of its request.

    Attributes:
        problem: the reason why no task can be claimed, or None.
        late_by: the age in seconds of the oldest waiting task if it exceeds `Limits.old`, else 0.
    """

    def __init__(
        self,
        store: Store,
        queue: str,
        limits: Limits | None = None,
        span: Callable[[str, str], AbstractContextManager[None]] = lambda *_: nullcontext(),
    ) -> None:
        self.store = store
        self.queue = queue
        self.problem: str | None = "has not claimed tasks yet"
        self.late_by = 0.0
        self._limits = limits or Limits()
        self._span = span
        self.handlers: dict[str, Handler] = {}
        self._room = Room(self._limits, store.held, self._freed)
        self._attempts: dict[TaskContext, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._backlog = True  # tasks might wait in the database
        self._full_lanes: tuple[str, ...] = ()  # at the last claim
        self._turns = Turns()
        self._next_report = 0.0  # on the monotonic clock

    def on(self, kind: str, handler: Handler) -> None:
        """Register the handler of a kind; call it before `run`."""
        self.handlers[kind] = handler

    async def enqueue(  # noqa: PLR0913 - the columns of a task
        self,
        task_id: str,
        kind: str,
        state: State,
        *,
        person: str = "",
        lane: str = "",
        request: Request = Request(),  # noqa: B008 - immutable
    ) -> bool:
        """Insert a task, and return when it is on disk. `Task` describes the arguments.

        Returns:
            False if a task with this id exists; nothing changes in that case.

        Raises:
            StoreUnavailableError: no confirmation within 1 s. With ``outcome_unknown``, the task
                might be inserted, and runs if it is; otherwise nothing was done.
            ValueError, TypeError: the id is invalid, or the state is not JSON.
        """
        at_once = not self._backlog and self._room.takes(task_id, lane)
        change = Enqueue(
            task_id,
            kind,
            state,
            self.queue,
            person=person,
            lane=lane,
            owner=self.store.owner if at_once else "",
            turn=self._turns.now if at_once else self._turns.next(person),
            request=request,
        )
        json.dumps(state, allow_nan=False)
        if at_once:
            self._room.hold(task_id, lane)
        pending = self.store.enqueue(change)
        pending.written.add_done_callback(partial(self._enqueued, change))
        (inserted,) = await self.store.written(pending)
        return bool(inserted)

    @property
    def running(self) -> int:
        """The number of tasks that hold a slot."""
        return self._room.running

    async def run(self) -> None:
        """Claim tasks until canceled, also after errors."""
        stop = [
            self.store.subscribe(self.queue, self._poll_now),
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
        """Begin no task, wait for the running ones, then cancel them; return their number.

        No post begins in the last 10 s. If ``seconds`` is under 12, no post begins.
        """
        self._room.close(seconds)
        if self._attempts:
            await asyncio.wait(self._attempts.values(), timeout=seconds)
        late = list(self._attempts.values())
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1.0)
        return len(late)

    def _freed(self) -> None:
        if self._full_lanes and self._room.full_lanes() != self._full_lanes:
            self._poll_now()
        elif self._backlog:
            self._wake.set()

    # Claiming

    def _poll_now(self) -> None:
        self._backlog = True
        self._wake.set()

    def _set_problem(self, problem: str | None) -> None:
        if problem != self.problem:
            self.problem = problem
            self.store.health_changed()

    async def _report_backlog(self) -> None:
        """Log a warning if tasks wait too long for a slot."""
        if time.monotonic() < self._next_report:
            return
        self._next_report = time.monotonic() + _REPORT
        try:
            age = await self.store.oldest_waiting(self.queue)
        except Exception as error:  # noqa: BLE001 - the loop must continue
            log.warning(
                "cannot read the age of waiting tasks", error=f"{type(error).__name__}: {error}"
            )
            return
        self.late_by = age if age > self._limits.old else 0.0
        if self.late_by:
            log.warning("tasks wait for a slot", queue=self.queue, oldest_seconds=round(age))

    async def _load_turns(self) -> None:
        with suppress(StoreUnavailableError):  # then turns start from here
            self._turns = Turns(await self.store.turns_of(self.queue))

    async def _claim(self) -> float | None:
        """Claim tasks for the free slots; return the seconds until the next claim."""
        most = self._room.left()
        if most <= 0:
            self._backlog = True  # the next free slot wakes the loop
            return _REPORT
        lanes = self._room.full_lanes()
        kinds = tuple(self.handlers)
        claim = Claim(self.queue, kinds, most, lanes, tuple(self.store.held), self.store.owner)
        self._full_lanes = lanes
        try:
            claimed = await self.store.claim(claim)
            for task, turn in claimed:
                self._turns.served(turn)
                self._room.hold(task.id, task.lane)
                self._start(task)
            self._backlog = len(claimed) == most or self._wake.is_set()
            if self._backlog:
                self._set_problem(None)
                return 0.0 if self._room.left() > 0 else _REPORT
            self.late_by = 0.0
            due = await self.store.next_due(self.queue, kinds)
        except Exception as error:  # noqa: BLE001 - without this loop, all tasks are stranded
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
        """Begin an inserted task, also if its caller has left."""
        inserted = written.exception() is None and bool(written.result()[0])
        if not change.owner:
            if inserted:
                self.store.publish(self.queue)
        elif inserted:
            self._start(change.begun(datetime.now(UTC)))
        else:
            self._room.stop()
            self._room.release(change.task_id)

    def _start(self, task: Task) -> None:
        if self._room.closed:  # after the task was enqueued or claimed
            self._room.stop()
            self._save(task, (Save(task, delay=0.0),))
            return
        context = TaskContext(task, self.store, self._room)
        running = self._attempts[context] = asyncio.create_task(self._run(context))
        running.add_done_callback(lambda _: self._attempts.pop(context))

    async def _run(self, context: TaskContext) -> None:
        """Make one attempt, and save its result."""
        task = context.task
        fields = task.request.log_fields()
        with structlog.contextvars.bound_contextvars(task=task.id, **fields):
            try:
                handler = self.handlers[task.kind]
                with self._span(task.kind, task.request.traceparent):
                    changes = await attempt(context, handler, self._limits.retries)
            finally:
                self._room.stop()
        self._save(task, changes)

    def _save(self, task: Task, changes: tuple[Change, ...]) -> None:
        """Write a task's result, and hold the task in memory until it is written.

        The store retries the write, so a process that has finished a task never runs it again.
        """
        if not changes:  # another process owns the task
            self._room.release(task.id)
            return
        pending = self.store.submit(*changes)
        pending.written.add_done_callback(partial(self._saved, task, changes))

    def _saved(
        self, task: Task, changes: tuple[Change, ...], written: "asyncio.Future[list[object]]"
    ) -> None:
        """Release a task after its result is written, and wake the workers of what comes next."""
        self._room.release(task.id)
        if isinstance(error := written.exception(), LeaseLostError):
            log.warning("another process owns this task", task=task.id)
        elif error is not None:
            log.error("cannot write the result of a task", task=task.id, exc_info=error)
        if isinstance(changes[0], Save):  # it might be the next task that is due
            self._wake.set()
        # Follow-up tasks are due at once; their worker can be another one, or another process's.
        for queue in {each.queue for each in changes if isinstance(each, Enqueue)}:
            self.store.publish(queue)

    def _drop_all(self) -> None:
        """Cancel the running tasks, which other processes now own; keep the finished ones."""
        for context, running in self._attempts.items():
            context.lost = True
            running.cancel()
        self._poll_now()
