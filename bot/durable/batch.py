"""Write a batch of units in one transaction: read and lock, decide in Python, write."""

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from bot.durable.events import write_events
from bot.durable.model import (
    Amend,
    Change,
    Claim,
    Enqueue,
    Finish,
    LeaseLostError,
    Request,
    Run,
    Save,
    State,
    Task,
)
from bot.durable.statements import (
    CLAIM_DUE,
    CLAIM_WAITING,
    DELETE_DOCUMENTS,
    FINISH_TASKS,
    INSERT_DOCUMENTS,
    INSERT_TASKS,
    READ_DOCUMENTS,
    READ_TASKS,
    SAVE_TASKS,
    UPDATE_DOCUMENTS,
    Statement,
)

Row = Sequence[Any]
Execute = Callable[[Statement, Sequence[Row]], Awaitable[Sequence[Row]]]
_Key = tuple[str, str]
_encode = json.JSONEncoder(allow_nan=False).encode
_REQUEST = "_request"  # a key of the stored state; no handler reads or writes it


class DocumentRaceError(Exception):
    """Another process inserted one of the documents at the same time; the batch can be retried."""


@dataclass(slots=True)
class Unit:
    """Changes that are written together or not at all.

    Attributes:
        changes: at most one for each task.
        retried: a commit with an unknown outcome might have written them.
        results: one for each change after the batch. Enqueue: whether the task was inserted;
            Amend: the new document; Claim: the tasks with their turns; Record: whether the event is
            new; Run: the rows; else None.
        error: the reason why the unit was not written.
    """

    changes: tuple[Change, ...]
    retried: bool = False
    results: list[Any] = field(default_factory=list)
    error: Exception | None = None

    def task_ids(self) -> list[str]:
        """Return the ids of the changed tasks."""
        return [task_id for task_id in map(task_id_of, self.changes) if task_id]


def task_id_of(change: Change) -> str:
    """Return the id of the task that a change concerns, or an empty string."""
    match change:
        case Enqueue(task_id=task_id) | Finish(task_id=task_id):
            return task_id
        case Save(task=task):
            return task.id
    return ""


async def write_batch(units: Sequence[Unit], execute: Execute, *, locks: bool) -> None:
    """Write units in a transaction that the caller begins and commits; set their results.

    Args:
        units: no two of them change the same task.
        execute: executes a statement for rows.
        locks: other processes share the database, so every row is locked first, by id.

    Raises:
        DocumentRaceError: this batch cannot be committed.
    """
    for unit in units:
        unit.results, unit.error = [None] * len(unit.changes), None
    changes = [change for unit in units for change in unit.changes]
    conditional = (Save, Finish) if locks else Save
    looked_at = {task_id_of(change) for change in changes if isinstance(change, conditional)}
    tasks: dict[str, Row] = {}
    if looked_at:
        read = await execute(READ_TASKS, [(task_id,) for task_id in sorted(looked_at)])
        tasks = {row[0]: row for row in read}
    keys = sorted({(one.collection, one.key) for one in changes if isinstance(one, Amend)})
    documents = _Documents(await execute(READ_DOCUMENTS, keys) if keys else ())
    going = [unit for unit in units if _goes_on(unit, tasks, documents)]
    inserted = await _write_tasks(going, execute)
    for unit in going:
        for i, change in enumerate(unit.changes):
            match change:
                case Enqueue(task_id=task_id):
                    unit.results[i] = task_id in inserted
                case Claim():
                    unit.results[i] = await _claim(change, execute)
                case Run(statement, row):
                    unit.results[i] = await execute(statement, [row])
    await documents.write(execute)
    await write_events(going, execute)


def _goes_on(unit: Unit, tasks: dict[str, Row], documents: "_Documents") -> bool:
    """Apply a unit to the documents, and return whether to write it; otherwise set its error."""
    if unit.retried and _is_written(unit, tasks):
        return False
    lost = [one for one in unit.changes if isinstance(one, Save) and not _is_ours(one, tasks)]
    unit.error = LeaseLostError(lost[0].task.id) if lost else documents.amend(unit)
    return unit.error is None


async def _write_tasks(units: Iterable[Unit], execute: Execute) -> set[str]:
    """Write the tasks; return the ids of the inserted ones."""
    by_kind: defaultdict[type[Change], list[Any]] = defaultdict(list)
    retried: dict[str, str] = {}
    for unit in units:
        for change in unit.changes:
            by_kind[type(change)].append(change)
            if unit.retried and isinstance(change, Enqueue):
                retried[change.task_id] = change.origin
    inserted: set[str] = set()
    if new := sorted(map(_new, by_kind[Enqueue]), key=itemgetter(0)):
        inserted = {row[0] for row in await execute(INSERT_TASKS, new)}
    if doubtful := sorted(retried.keys() - inserted):
        # After the INSERT, because that waits for a running commit with the same id.
        read = await execute(READ_TASKS, [(task_id,) for task_id in doubtful])
        inserted |= {row[0] for row in read if row[3] == retried[row[0]]}
    if saves := by_kind[Save]:
        await execute(SAVE_TASKS, [_saved(save) for save in saves])
    if finished := by_kind[Finish]:
        await execute(FINISH_TASKS, [(finish.task_id,) for finish in finished])
    return inserted


async def _claim(claim: Claim, execute: Execute) -> list[tuple[Task, int]]:
    """Claim due tasks, then waiting ones; return them with their turns."""
    found: list[Row] = []
    for statement in (CLAIM_DUE, CLAIM_WAITING):
        most = claim.limit - len(found)
        if most > 0:
            row = (claim.queue, claim.kinds, most, claim.full_lanes, claim.held, claim.owner)
            found += sorted(await execute(statement, [row]), key=itemgetter(12, 3))
    return [(task_of(row), row[12]) for row in found]


class _Documents:
    """The documents of a batch: their stored values and their new values."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._were: dict[_Key, tuple[str, str]] = {(r[0], r[1]): (r[2], r[3]) for r in rows}
        self._now: dict[_Key, tuple[State | None, str]] = {}

    def amend(self, unit: Unit) -> Exception | None:
        """Apply a unit's changes on top of the earlier units, all or none.

        Returns:
            The error of the change that failed, or None.
        """
        before = dict(self._now)
        try:
            for i, change in enumerate(unit.changes):
                if isinstance(change, Amend):
                    unit.results[i] = self._amend(change, retried=unit.retried)
        except Exception as error:  # noqa: BLE001 - the change's own fault; other units continue
            self._now = before
            return error
        return None

    def _amend(self, change: Amend, *, retried: bool) -> State | None:
        key = (change.collection, change.key)
        text, version = self._were.get(key, (None, ""))
        current: State | None = (
            self._now[key][0] if key in self._now else json.loads(text or "null")
        )
        if retried and version == change.version:
            return current
        new = change.change(current)
        if new != current:
            self._now[key] = (new, change.version)
        return new

    async def write(self, execute: Execute) -> None:
        """Write the documents that changed."""
        inserts, updates, deletes = [], [], []
        for key, (value, version) in sorted(self._now.items()):
            if value is None:
                deletes.append(key)
            elif key in self._were:
                updates.append((*key, _encode(value), version))
            else:
                inserts.append((*key, _encode(value), version))
        if updates:
            await execute(UPDATE_DOCUMENTS, updates)
        if deletes:
            await execute(DELETE_DOCUMENTS, deletes)
        if inserts and len(await execute(INSERT_DOCUMENTS, inserts)) < len(inserts):
            raise DocumentRaceError


def _is_ours(save: Save, tasks: dict[str, Row]) -> bool:
    row, task = tasks.get(save.task.id), save.task
    return row is not None and (row[1], row[2], row[4]) == (task.owner, task.attempt, None)


def _is_written(unit: Unit, tasks: dict[str, Row]) -> bool:
    """Return whether an earlier commit wrote the unit: its task has ended or is free."""
    for change in unit.changes:
        row = tasks.get(task_id_of(change))
        if row is None:
            continue
        if isinstance(change, Finish) and row[4] is not None:
            return True
        if isinstance(change, Save) and (row[1], row[2]) == (None, change.task.attempt):
            return True
    return False


def _new(enqueue: Enqueue) -> Row:
    return (
        enqueue.task_id,
        enqueue.kind,
        enqueue.queue,
        enqueue.person,
        enqueue.lane,
        _encode_state(enqueue.state, enqueue.request),
        enqueue.owner or None,
        enqueue.turn,
        enqueue.delay,
        enqueue.origin,
    )


def _saved(save: Save) -> Row:
    task = save.task
    return (
        task.id,
        _encode_state(task.state, task.request),
        task.owner if save.owned else None,
        int(task.step_may_have_run),
        task.failures,
        task.error,
        save.delay,
        int(task.ended),
    )


def _encode_state(state: State, request: Request) -> str:
    """Return the state as JSON, with the request in a key of its own."""
    return _encode(state | {_REQUEST: request.stored()} if request.entry_point else state)


def task_of(row: Row) -> Task:
    """Return the task of a row of the statements."""
    state = json.loads(row[2])
    request = Request(**state.pop(_REQUEST, {}))
    return Task(
        id=row[0],
        kind=row[1],
        state=state,
        created_at=datetime.fromtimestamp(row[3], UTC),
        person=row[4],
        lane=row[5],
        owner=row[6] or "",
        attempt=row[7],
        step_may_have_run=bool(row[8]),
        failures=row[9],
        error=row[10],
        ended=row[11] is not None,
        request=request,
    )
