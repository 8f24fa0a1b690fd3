"""The journal in SQLite or PostgreSQL. Each operation is one statement, in autocommit.

So no transaction is ever held across I/O, and whatever dies, dies between two of them.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Double,
    Row,
    Table,
    UpdateBase,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.journal.intake import Intake
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
from bot.journal.schema import documents, now, work
from bot.journal.statements import FAULTS, Rows, Statements, Values

_LONGEST_ERROR = 2000  # characters
_PAGE = 200  # documents
_Insert = sqlite.Insert | postgresql.Insert
_INSERT: dict[str, Callable[[Table], _Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class SqlJournal(Journal):
    """Keep work and documents in a database that `open_journal` opened.

    Args:
        engine: in autocommit.
        connections: how many of the engine's to use.
        lease: seconds.
    """

    faults = FAULTS

    def __init__(self, engine: AsyncEngine, connections: int, lease: float = LEASE) -> None:
        super().__init__(lease)
        self._engine = engine
        self._insert = _INSERT[engine.dialect.name]
        self._owner = uuid4().hex
        self._statements = Statements(engine, connections, self.faults)
        insert = self._insert(work).values(
            run_at=now() + bindparam("seconds", type_=Double),
            dirty=False,
            fails=0,
            accepted_at=now(),
            changed_at=now(),
        )
        self._intake = Intake(
            self._statements,
            insert.on_conflict_do_nothing().returning(*work.c),
            # As they were handed in: who has taken one since has raised its fence.
            lambda rows: delete(work).where(
                tuple_(work.c.id, work.c.fence).in_([(row.id, row.fence) for row in rows])
            ),
            self._inserted,
        )

    async def close(self) -> None:
        """Wait for the statements that nobody waits for any more."""
        await self._statements.close()

    async def submit(
        self, entry_id: str, kind: str, state: State, *, after: float | None = None
    ) -> Entry | None:
        """Insert the row; the primary key refuses a second one."""
        must_be_an_id(entry_id)
        deadline = time.monotonic() + self.lease
        values = {
            "id": entry_id,
            "kind": kind,
            "state": as_kept(state),
            "seconds": self.lease if after is None else after,
            "owner": self._owner if after is None else None,
            "fence": int(after is None),
        }
        row = await self._intake.hand_in(entry_id, values)
        return None if row is None else _entry(row, deadline)

    async def _inserted(self, rows: Rows) -> None:
        if any(row.owner is None for row in rows):
            await self.notify(WORK)

    async def claim(self, kinds: Collection[str], limit: int) -> list[Entry]:
        """Take what is due."""
        due = (
            select(work.c.id)
            .where(work.c.kind.in_(kinds), work.c.run_at <= now())
            .order_by(work.c.run_at)
            .limit(limit)
            .with_for_update(skip_locked=True)  # which SQLite, having one writer, leaves out
            .cte("due")
        )
        taken = (
            update(work)
            .where(work.c.id.in_(select(due.c.id)))
            .values(
                run_at=now() + self.lease,
                owner=self._owner,
                fence=work.c.fence + 1,
                dirty=or_(work.c.dirty, work.c.owner.is_not(None)),  # who held it never let go
                changed_at=now(),
            )
            .returning(*work.c)
        )
        return await self._entries(taken)

    async def renew(self, entry: Entry) -> Entry:
        """Move the lease's end."""
        return await self._save(entry, self.lease)

    async def keep(self, entry: Entry, state: State) -> Entry:
        """Save a finished step."""
        return await self._save(entry, self.lease, state=state, dirty=False, fails=0)

    async def release(self, entry: Entry, state: State, *, after: float) -> None:
        """Save a finished step and sleep."""
        await self._save(entry, after, state=state, dirty=False, fails=0, owner=None)

    async def abandon(self, entry: Entry) -> None:
        """Leave a step unfinished."""
        await self._save(entry, 0, dirty=True, owner=None)
        await self.notify(WORK)

    async def finish(self, entry: Entry) -> None:
        """Be done."""
        await self._save(entry, None, dirty=False, fails=0, owner=None)

    async def fail(self, entry: Entry, error: str, *, retries: int) -> bool:
        """Leave a step that failed."""
        fails = entry.fails + 1
        again = fails <= retries
        await self._save(
            entry,
            backoff(fails) if again else None,
            dirty=True,
            fails=fails,
            error=error.replace("\0", "")[:_LONGEST_ERROR],  # PostgreSQL refuses a NUL
            owner=None,
        )
        return again

    async def wake(self, entry_id: str) -> bool:
        """Move the timer's end."""
        sleeps = (work.c.id == entry_id) & work.c.owner.is_(None) & work.c.run_at.is_not(None)
        woken = update(work).where(sleeps).values(run_at=now(), changed_at=now())
        found = bool(await self._statements.run(woken.returning(work.c.id)))
        if found:
            await self.notify(WORK)
        return found

    async def get(self, entry_id: str) -> Entry | None:
        """Look at the row."""
        rows = await self._statements.run(select(work).where(work.c.id == entry_id))
        return _entry(rows[0]) if rows else None

    async def due_in(self, kinds: Collection[str]) -> float | None:
        """Ask the index."""
        ours = work.c.kind.in_(kinds) & work.c.run_at.is_not(None)
        rows = await self._statements.run(select(func.min(work.c.run_at) - now()).where(ours))
        seconds: float | None = rows[0][0]
        return None if seconds is None else max(0.0, seconds)

    async def prune(self, older_than: float) -> int:
        """Delete old rows."""
        old = work.c.run_at.is_(None) & (work.c.changed_at < now() - older_than)
        return len(await self._statements.run(delete(work).where(old).returning(work.c.id)))

    async def put_many(self, collection: str, values: Mapping[str, State]) -> None:
        """Insert or replace."""
        if not values:
            return
        rows = self._insert(documents).values(
            [
                {"collection": collection, "key": key, "value": value, "updated_at": now()}
                for key, value in values.items()
            ]
        )
        new = {"value": rows.excluded.value, "updated_at": rows.excluded.updated_at}
        await self._statements.run(
            rows.on_conflict_do_update(index_elements=["collection", "key"], set_=new)
        )

    async def amend(self, collection: str, key: str, value: State) -> bool:
        """Update one."""
        changed = update(documents).where(_one(collection, key))
        changed = changed.values(value=value, updated_at=now())
        return bool(await self._statements.run(changed.returning(documents.c.key)))

    async def read(self, collection: str, key: str) -> State | None:
        """Select one."""
        rows = await self._statements.run(select(documents.c.value).where(_one(collection, key)))
        value: State | None = rows[0].value if rows else None
        return value

    async def read_all(self, collection: str) -> dict[str, State]:
        """Select all."""
        found: dict[str, State] = {}
        columns = select(documents.c.key, documents.c.value).order_by(documents.c.key)
        last: str | None = ""
        while last is not None:  # page by page: to decode very many would hold up the event loop
            page = (documents.c.collection == collection) & (documents.c.key > last)
            rows = await self._statements.run(columns.where(page).limit(_PAGE))
            found |= {row.key: row.value for row in rows}
            last = rows[-1].key if len(rows) == _PAGE else None
        return found

    async def remove(self, collection: str, key: str) -> None:
        """Delete one."""
        await self._statements.run(delete(documents).where(_one(collection, key)))

    async def _save(self, entry: Entry, seconds: float | None, **values: object) -> Entry:
        """Change the row if it is still ours as of this entry's fence.

        Args:
            entry: as it was last saved.
            seconds: from now until anyone may take it; None: never again.
            **values: of the other columns.
        """
        new = {f"new_{column}": value for column, value in values.items()}
        ours = {"entry_id": entry.id, "entry_fence": entry.fence, "seconds": seconds}
        saved = await self._entries(_saving(tuple(values)), ours | new)
        if not saved:
            raise LostLeaseError(entry.id)
        return saved[0]

    async def _entries(self, statement: UpdateBase, values: Values | None = None) -> list[Entry]:
        # The database sets the lease after this moment, so it cannot end before ours does.
        deadline = time.monotonic() + self.lease
        rows = await self._statements.run(statement, values=values)
        return [_entry(row, deadline) for row in rows]


@cache
def _saving(columns: tuple[str, ...]) -> UpdateBase:
    """Build what changes these columns of a row; once, as that costs as much as executing it."""
    new = {column: bindparam(f"new_{column}", type_=work.c[column].type) for column in columns}
    return (
        update(work)
        .where(
            work.c.id == bindparam("entry_id"),
            work.c.fence == bindparam("entry_fence"),
            work.c.owner.is_not(None),
        )
        .values(run_at=now() + bindparam("seconds", type_=Double), changed_at=now(), **new)
        .returning(*work.c)
    )


def _one(collection: str, key: str) -> ColumnElement[bool]:
    return (documents.c.collection == collection) & (documents.c.key == key)


def _entry(row: Row[Any], deadline: float = -math.inf) -> Entry:
    return Entry(
        id=row.id,
        kind=row.kind,
        state=row.state,
        fence=row.fence,
        dirty=row.dirty,
        fails=row.fails,
        accepted_at=datetime.fromtimestamp(row.accepted_at, UTC),
        deadline=-math.inf if row.owner is None else deadline,
        done=row.run_at is None,
        error=row.error,
    )
