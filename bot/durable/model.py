"""Tasks, documents, and the changes of them.

Every error of this package is one of these:

    DurableError
    ├── StoreUnavailableError   a read or a write failed, or its outcome is unknown
    ├── LeaseLostError          the task belongs to another process, or will soon
    ├── PostponedError          this process ends; the next process continues the task
    └── DatabaseError           the database cannot be used; the text is for an operator
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
    """A read or a write failed.

    Attributes:
        outcome_unknown: the change was sent, so the database might have written it.
    """

    def __init__(self, why: str, *, outcome_unknown: bool = False) -> None:
        super().__init__(why)
        self.outcome_unknown = outcome_unknown


class LeaseLostError(DurableError):
    """Another process owns this task. The handler stops and writes nothing more."""


class PostponedError(DurableError):
    """This process ends. The next process continues the task."""


class DatabaseError(DurableError):
    """The database cannot be used. The text has the reason and the cure, and no password."""


@dataclass(frozen=True, slots=True)
class Request:
    """The request that enqueued a task, for the task's log lines and its trace.

    Attributes:
        entry_point: the way in.
        actor: the person or the workflow.
        traceparent: the trace, in the format of the header of this name; empty without traces.
        workspace: the workspace of the actor.
    """

    entry_point: str = ""
    actor: str = ""
    traceparent: str = ""
    workspace: str = ""

    def stored(self) -> dict[str, str]:
        """Return it as JSON."""
        more = {"traceparent": self.traceparent, "workspace": self.workspace}
        return self.log_fields() | more

    def log_fields(self) -> dict[str, str]:
        """Return the fields of each log line; none for a task without a request."""
        return {"entry_point": self.entry_point, "actor": self.actor} if self.entry_point else {}


@dataclass(frozen=True, slots=True)
class Task:
    """Accepted work.

    Attributes:
        id: the idempotency key; a second task with this id is not enqueued.
        kind: names the handler.
        state: JSON; names the next step and holds its data.
        person: the requester; people take turns.
        lane: the channel; a full lane does not delay the others.
        owner: the process that holds the task; empty for a waiting task.
        attempt: the number of claims.
        step_may_have_run: an earlier attempt began the next step and did not report its end.
        failures: consecutive failures of the next step.
        error: the last failure.
        created_at: by the database's clock.
        ended: no process will claim it again.
        request: the request behind it; the column of the state holds it too.
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
    request: Request = Request()


# Changes. The database writes all changes of a unit, or none.


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Insert a task; an existing task with this id does not change. See `Task`.

    Attributes:
        queue: the worker that claims it.
        owner: the process that begins it at once; empty for a task that waits.
        turn: its place among the waiting tasks.
        delay: seconds until it can be claimed; None: at its turn.
        origin: identifies this change after a commit with an unknown outcome.
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
    request: Request = Request()

    def __post_init__(self) -> None:
        if not self.task_id.isprintable() or len(self.task_id) > LONGEST_ID:
            raise ValueError(f"an id is up to {LONGEST_ID} printable characters")

    def begun(self, created_at: datetime) -> Task:
        """Return the task that its owner begins at once."""
        return Task(
            id=self.task_id,
            kind=self.kind,
            state=self.state,
            created_at=created_at,
            person=self.person,
            lane=self.lane,
            owner=self.owner,
            request=self.request,
        )


@dataclass(frozen=True, slots=True)
class Save:
    """Save a held task: a checkpoint, a reschedule, a failure.

    The task's owner and attempt must match, or the whole unit raises `LeaseLostError`.

    Attributes:
        task: the new task.
        owned: this process continues to own it.
        delay: seconds until it can be claimed; None for an owned or ended task.
    """

    task: Task
    owned: bool = False
    delay: float | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """End a task; any attempt can report the end."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Amend:
    """Change a document.

    Attributes:
        collection: the document's kind.
        key: its name there.
        change: returns the new document for the current one; None stands for no document. It is
            pure, because the store can call it several times.
        version: identifies this change; the document stores it.
    """

    collection: str
    key: str
    change: Callable[[State | None], State | None]
    version: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Claim due and waiting tasks.

    Attributes:
        queue: the worker's queue.
        kinds: the kinds that have handlers.
        limit: the most tasks to claim.
        full_lanes: lanes to skip.
        held: ids of tasks in this process's memory, to skip.
        owner: this process.
    """

    queue: str
    kinds: tuple[str, ...]
    limit: int
    full_lanes: tuple[str, ...]
    held: tuple[str, ...]
    owner: str


@dataclass(frozen=True, slots=True)
class Record:
    """Append an event to the audit log; an existing event with this id does not change.

    Attributes:
        event_id: the idempotency key.
        at: the time, in seconds since 1970.
        event: JSON.
        unposted: the event waits for its post in a channel.
        written: called once the event is on disk, unless it was there before.
    """

    event_id: str
    at: float
    event: State
    unposted: bool = False
    written: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Run:
    """Execute a statement that depends on no other change."""

    statement: Statement
    row: tuple[Any, ...]


Change = Enqueue | Save | Finish | Amend | Claim | Record | Run


@dataclass(frozen=True, slots=True)
class Done:
    """The task has ended.

    Attributes:
        changes: follow-up tasks and documents, written in the same unit.
    """

    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class RunAgain:
    """The task continues later, and holds no slot until then.

    Attributes:
        in_seconds: the delay.
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
    """Return the task at its next step, which has not begun."""
    return replace(task, state=state, step_may_have_run=False, failures=0)
