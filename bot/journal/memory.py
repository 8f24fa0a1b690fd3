"""A journal that ends with the process: for the demo, and for tests."""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.journal.journal import (
    LEASE,
    WORK,
    Entry,
    Journal,
    LostLeaseError,
    State,
    as_kept,
    backoff,
    must_be_an_id,
)


@dataclass(slots=True)
class _Row:
    """An entry, and what the table knows of it beside."""

    entry: Entry
    run_at: float  # time.monotonic()
    held: bool
    changed_at: float  # time.monotonic()


class MemoryJournal(Journal):
    """Keep work and documents in this process alone."""

    def __init__(self, lease: float = LEASE) -> None:
        super().__init__(lease)
        self._rows: dict[str, _Row] = {}
        self._documents: defaultdict[str, dict[str, State]] = defaultdict(dict)

    async def submit(
        self, entry_id: str, kind: str, state: State, *, after: float | None = None
    ) -> Entry | None:
        """Accept work for as long as this process lives."""
        must_be_an_id(entry_id)
        kept = as_kept(state)
        if entry_id in self._rows:
            return None
        now, held = time.monotonic(), after is None
        run_at = now + (self.lease if after is None else after)
        entry = Entry(
            id=entry_id,
            kind=kind,
            state=kept,
            fence=int(held),
            dirty=False,
            fails=0,
            accepted_at=datetime.now(UTC),
        )
        self._rows[entry_id] = _Row(entry, run_at, held, changed_at=now)
        if after is not None:
            await self.notify(WORK)
        return self._held(self._rows[entry_id]) if held else entry

    async def claim(self, kinds: Collection[str], limit: int) -> list[Entry]:
        """Take what is due."""
        now = time.monotonic()
        due = [
            row
            for row in self._rows.values()
            if row.entry.kind in kinds and not row.entry.done and row.run_at <= now
        ]
        due.sort(key=lambda row: row.run_at)
        for row in due[:limit]:
            dirty = row.entry.dirty or row.held  # who held it never let go
            row.entry = replace(row.entry, fence=row.entry.fence + 1, dirty=dirty)
            row.run_at, row.held = now + self.lease, True
        return [self._held(row) for row in due[:limit]]

    async def renew(self, entry: Entry) -> Entry:
        """Move the lease's end."""
        row = self._ours(entry)
        row.run_at = time.monotonic() + self.lease
        return self._held(row)

    async def keep(self, entry: Entry, state: State) -> Entry:
        """Save a finished step."""
        row = self._ours(entry)
        row.entry = replace(row.entry, state=as_kept(state), dirty=False, fails=0)
        row.run_at = time.monotonic() + self.lease
        return self._held(row)

    async def release(self, entry: Entry, state: State, *, after: float) -> None:
        """Save a finished step and sleep."""
        row = self._ours(entry)
        row.entry = replace(row.entry, state=as_kept(state), dirty=False, fails=0)
        self._let_go(row, after)

    async def abandon(self, entry: Entry) -> None:
        """Leave a step unfinished."""
        row = self._ours(entry)
        row.entry = replace(row.entry, dirty=True)
        self._let_go(row, 0)
        await self.notify(WORK)

    async def finish(self, entry: Entry) -> None:
        """Be done."""
        row = self._ours(entry)
        row.entry = replace(row.entry, dirty=False, fails=0, done=True)
        self._let_go(row, 0)

    async def fail(self, entry: Entry, error: str, *, retries: int) -> bool:
        """Leave a step that failed."""
        row, fails = self._ours(entry), entry.fails + 1
        done = fails > retries
        row.entry = replace(row.entry, dirty=True, fails=fails, error=error, done=done)
        self._let_go(row, backoff(fails))
        return not done

    async def wake(self, entry_id: str) -> bool:
        """Move the timer's end."""
        row = self._rows.get(entry_id)
        if row is None or row.held or row.entry.done:
            return False
        row.run_at = time.monotonic()
        await self.notify(WORK)
        return True

    async def get(self, entry_id: str) -> Entry | None:
        """Look at an entry."""
        row = self._rows.get(entry_id)
        return None if row is None else replace(row.entry, state=as_kept(row.entry.state))

    async def due_in(self, kinds: Collection[str]) -> float | None:
        """Look for the next due."""
        moments = [
            row.run_at
            for row in self._rows.values()
            if row.entry.kind in kinds and not row.entry.done
        ]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    async def prune(self, older_than: float) -> int:
        """Forget what was done long ago."""
        oldest = time.monotonic() - older_than
        kept = {
            entry_id: row
            for entry_id, row in self._rows.items()
            if not row.entry.done or row.changed_at >= oldest
        }
        pruned = len(self._rows) - len(kept)
        self._rows = kept
        return pruned

    async def put_many(self, collection: str, values: Mapping[str, State]) -> None:
        """Write documents."""
        self._documents[collection] |= {key: as_kept(value) for key, value in values.items()}

    async def amend(self, collection: str, key: str, value: State) -> bool:
        """Replace a document."""
        there = key in self._documents[collection]
        if there:
            await self.put(collection, key, value)
        return there

    async def read(self, collection: str, key: str) -> State | None:
        """Return a document."""
        return (await self.read_all(collection)).get(key)

    async def read_all(self, collection: str) -> dict[str, State]:
        """Return a collection."""
        return {key: as_kept(value) for key, value in self._documents[collection].items()}

    async def remove(self, collection: str, key: str) -> None:
        """Delete a document."""
        self._documents[collection].pop(key, None)

    def _ours(self, entry: Entry) -> _Row:
        row = self._rows.get(entry.id)
        if row is None or not row.held or row.entry.fence != entry.fence:
            raise LostLeaseError(entry.id)
        return row

    def _let_go(self, row: _Row, after: float) -> None:
        row.changed_at = time.monotonic()
        row.run_at, row.held = row.changed_at + after, False

    def _held(self, row: _Row) -> Entry:
        return replace(row.entry, state=as_kept(row.entry.state), deadline=row.run_at)
