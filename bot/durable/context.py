"""The context of an attempt: a handler's task, and the operations on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeAlias

from bot.durable.model import Change, Outcome, PostponedError, Save, State, Task, advanced
from bot.durable.room import Room
from bot.durable.store import Store


class TaskContext:
    """One attempt at a task.

    Attributes:
        task: the claimed task, or the task of the last `checkpoint`.
        parked: the task waits in memory without a slot, or was canceled in that state.
        lost: another process owns the task.
        noted: changes that are written with the end of this attempt, also if it fails.
    """

    def __init__(self, task: Task, store: Store, room: Room) -> None:
        self.task = task
        self.parked = False
        self.lost = False
        self.noted: list[Change] = []
        self._store = store
        self._room = room
        self._advanced: Callable[[], State] | None = None

    def advance(self, state: Callable[[], State]) -> None:
        """Begin the next step without a write; an interrupted attempt saves its state."""
        self._advanced = state

    async def checkpoint(self, state: State) -> None:
        """Begin the next step, and write its state first.

        Raises:
            LeaseLostError: the task belongs to another process.
            StoreUnavailableError: the database does not answer.
        """
        self.task = advanced(self.task, state)
        self._advanced = None
        await self._store.write(Save(self.task, owned=True))

    def now(self) -> Task:
        """Return the task at its current step.

        After `advance`, `Task.step_may_have_run` stays as it was.
        """
        if self._advanced is None:
            return self.task
        return replace(self.task, state=self._advanced(), failures=0)

    async def may_post(self) -> None:
        """Return when a non-idempotent call may begin; the call must end within 10 s.

        Raises:
            PostponedError: the process ends soon; the next process continues the task.
            LeaseLostError: the task belongs to another process.
        """
        if not self._room.may_post():
            raise PostponedError
        await self._store.hold_lease(self.task.owner)

    @asynccontextmanager
    async def park(self) -> AsyncIterator[None]:
        """Release the slot while this task waits in memory."""
        self.parked = True
        self._room.stop()
        try:
            yield
            self.parked = False
        finally:
            self._room.go_on()


Handler: TypeAlias = Callable[[TaskContext], Awaitable[Outcome]]
