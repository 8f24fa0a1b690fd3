"""Tasks, documents, and the changes of them.

Every error of this package is one of these:

    DurableError
    ├── StoreUnavailableError   the database did not do it; ``outcome_unknown``: it might have
    ├── LeaseLostError          the task belongs to another process, or will soon
    ├── PostponedError          this process ends; the task goes on in the next one
    └── DatabaseError           the database cannot be used; the text says why, for an operator
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bot.durable.statements import Statement

State = dict[str, Any]
LONGEST_ID = 255  # characters; an index of PostgreSQL holds about 2,700 bytes


class DurableError(Exception):
    """Base of this package's errors."""


class StoreUnavailableError(DurableError):
    """The database did not write or read.

    Attributes:
        outcome_unknown: the change was sent, so it might be written.
    """

    def __init__(self, why: str, *, outcome_unknown: bool = False) -> None:
        super().__init__(why)
        self.outcome_unknown = outcome_unknown


class LeaseLostError(DurableError):
    """Another process owns this task; stop, and write nothing more."""


class PostponedError(DurableError):
    """Nothing may begin any more in this process: the task goes on in the next one."""


class DatabaseError(DurableError):
    """The database cannot be used; the text gives the reason and the cure, without a password."""


@dataclass(frozen=True, slots=True)
class Task:
    """Accepted work.

    Attributes:
        id: the idempotency key; a second task with this id is not enqueued.
        kind: names the handler.
        state: JSON; names the next step and holds its data.
        person: takes turns with other people.
        lane: the channel; a lane that is full does not delay the others.
        owner: the process that holds the task; empty while none does.
        attempt: how many times the task was claimed.
        step_may_have_run: an earlier attempt began the next step and did not report its end.
        failures: how many times in a row the next step failed.
        error: the last failure.
        created_at: by the database's clock.
        ended: no process will claim it again.
    """

    id: str
    kind: str
    state: State = field(repr=False)  # holds response URLs
    created_at: datetime
    person: str = ""
    lane: str = ""
    owner: str = ""
    attempt: int = 1
    step_may_have_run: bool = False
    failures: int = 0
    error: str | None = None
    ended: bool = False


# The changes. A unit of changes is written whole or not at all.


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Insert a task; one with this id stays as it is.

    Attributes:
        task_id: see `Task.id`.
        kind: see `Task.kind`.
        state: JSON.
        queue: the worker that claims it.
        person: see `Task.person`.
        lane: see `Task.lane`.
        owner: the process that begins it at once; empty: it waits.
        turn: its place among the waiting tasks.
        delay: seconds until it can be claimed; None: at its turn.
        origin: unique to this change, to recognize it after an unknown commit.
    """

    task_id: str
    kind: str
    state: State = field(repr=False)
    queue: str
    person: str = ""
    lane: str = ""
    owner: str = ""
    turn: int = 0
    delay: float | None = None
    origin: str = ""

    def __post_init__(self) -> None:
        if not self.task_id.isprintable() or len(self.task_id) > LONGEST_ID:
            raise ValueError(f"an id is up to {LONGEST_ID} printable characters")


@dataclass(frozen=True, slots=True)
class Save:
    """Save a held task: a checkpoint, a reschedule, a failure.

    The task's owner and attempt must match, or the whole unit raises `LeaseLostError`.

    Attributes:
        task: as it is from now on.
        owned: the process keeps it.
        delay: seconds until it can be claimed; None while it is owned or has ended.
    """

    task: Task
    owned: bool = False
    delay: float | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """End a task, whichever attempt reports it."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Amend:
    """Change a document.

    Attributes:
        collection: the document's kind.
        key: its name there.
        change: returns the new document for the current one; None stands for no document. Pure;
            the store might call it several times.
        version: unique to this change; the document carries it.
    """

    collection: str
    key: str
    change: Callable[[State | None], State | None]
    version: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Take tasks that wait or are due.

    Attributes:
        queue: the worker's.
        kinds: the kinds that it has handlers for.
        limit: the most tasks to take.
        full_lanes: lanes to take nothing of.
        held: ids that are in this process's memory.
        owner: this process.
    """

    queue: str
    kinds: tuple[str, ...]
    limit: int
    full_lanes: tuple[str, ...]
    held: tuple[str, ...]
    owner: str


@dataclass(frozen=True, slots=True)
class Run:
    """Execute a statement that depends on no other change.

    Attributes:
        statement: of ``bot.durable.statements``.
        row: its parameters.
    """

    statement: Statement
    row: tuple[Any, ...]


Change = Enqueue | Save | Finish | Amend | Claim | Run


@dataclass(frozen=True, slots=True)
class Done:
    """The task has ended.

    Attributes:
        changes: follow-up tasks and documents, written in the same unit.
    """

    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class RunAgain:
    """The task goes on later, and holds no slot until then.

    Attributes:
        in_seconds: from now.
        state: names the next step.
        step_may_have_run: that step has begun already.
        changes: see `Done.changes`.
    """

    in_seconds: float
    state: State
    step_may_have_run: bool = False
    changes: tuple[Change, ...] = ()


Outcome = Done | RunAgain


def advanced(task: Task, state: State) -> Task:
    """Return the task with its next step, which has not begun."""
    return replace(task, state=state, step_may_have_run=False, failures=0)
