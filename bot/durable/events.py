"""The rows of the audit log: written with the changes of their unit."""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from bot.durable.model import Change, Record, Run, State
from bot.durable.statements import INSERT_EVENTS, MARK_POSTED, UNPOSTED_EVENTS, Statement

if TYPE_CHECKING:
    import asyncio

_encode = json.JSONEncoder(allow_nan=False).encode


class _Unit(Protocol):
    changes: tuple[Change, ...]
    retried: bool
    results: list[Any]


async def write_events(
    units: Iterable[_Unit],
    execute: Callable[[Statement, Sequence[Sequence[Any]]], Awaitable[Sequence[Sequence[Any]]]],
) -> None:
    """Write the events of a batch, and set whether each is new.

    They come last: after them, a replica that writes the same event waits for nothing else.
    """
    found = [
        (unit, i, change)
        for unit in units
        for i, change in enumerate(unit.changes)
        if isinstance(change, Record)
    ]
    if not found:
        return
    rows = [(one.event_id, one.at, _encode(one.event), int(one.unposted)) for _, _, one in found]
    new = {row[0] for row in await execute(INSERT_EVENTS, sorted(rows, key=itemgetter(0)))}
    for unit, i, change in found:
        unit.results[i] = unit.retried or change.event_id in new


def report_events(changes: Sequence[Change], written: "asyncio.Future[list[Any]]") -> None:
    """Call `Record.written` of each new event of a unit."""
    if written.cancelled() or written.exception() is not None:
        return
    for change, result in zip(changes, written.result(), strict=True):
        if isinstance(change, Record) and result is not False:
            change.written()


def read_unposted(most: int) -> Run:
    """Return a read of the ids and the JSON of the oldest events that wait for their post."""
    return Run(UNPOSTED_EVENTS, (most,))


def mark_posted(rows: Sequence[Sequence[Any]]) -> Run:
    """Return the change that takes these rows of `read_unposted` off the waiting ones."""
    return Run(MARK_POSTED, (tuple(row[0] for row in rows),))


def event_of(row: Sequence[Any]) -> State:
    """Return the event of a row of `read_unposted`."""
    event: State = json.loads(row[1])
    return event
