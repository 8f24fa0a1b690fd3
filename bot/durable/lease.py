"""The lease of a process, and the takeover of tasks from dead processes.

A lease is a row with a heartbeat. A heartbeat is a number, and peers measure its age on their own
monotonic clock, so a step of the database's clock declares no process dead.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]
import structlog

from bot.durable.connection import error_text, with_timeout
from bot.durable.model import LeaseLostError, StoreUnavailableError
from bot.durable.statements import FREE_DEAD

log = structlog.stdlib.get_logger(__name__)

CHANNEL = "training_bot"
NOTIFY = "SELECT pg_notify($1, word) FROM unnest($2::text[]) AS word"
_FORGET = 3600.0  # seconds until the row of a dead process is deleted
_REGISTER = "INSERT INTO training_bot_processes (id, heartbeat) VALUES ($1, 0)"
_RENEW = """
    WITH renewed AS (UPDATE training_bot_processes SET heartbeat = heartbeat + 1
        WHERE id = $1 AND dead_since IS NULL RETURNING id)
    SELECT id, heartbeat, dead_since IS NOT NULL, id IN (SELECT id FROM renewed)
    FROM training_bot_processes"""
_NOW = "extract(epoch FROM clock_timestamp())::float8"
_DECLARE_DEAD = (
    f"UPDATE training_bot_processes SET dead_since = {_NOW}"
    " WHERE id = $1 AND heartbeat = $2 AND dead_since IS NULL"
)
# Ids are never reused, so an owner without a live row never gets one.
_DEAD_OWNERS = """
    SELECT DISTINCT owner FROM training_bot_tasks WHERE owner IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM training_bot_processes WHERE id = owner AND dead_since IS NULL)"""
_FORGET_DEAD = f"DELETE FROM training_bot_processes WHERE dead_since < {_NOW} - $1"
_LEAVE = "DELETE FROM training_bot_processes WHERE id = $1"
_SLEEPS = hasattr(time, "CLOCK_BOOTTIME")


def now() -> float:
    """Return the monotonic time; on Linux it includes the time when the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if _SLEEPS else time.monotonic()


@dataclass(frozen=True, slots=True)
class LeaseTiming:
    """Durations in seconds. ``fresh`` plus the 10 s of a post must be less than ``dead``.

    Attributes:
        renew: between two renewals.
        fresh: a post may begin within this time after the last renewal was sent.
        dead: a peer with the same heartbeat for this time is declared dead.
        late: a renewal without an answer in this time has failed, and the contact is broken.
        sweep: between two searches for tasks whose owner has no row.
        write: the timeout of a batch.
    """

    renew: float = 2.0
    fresh: float = 5.0
    dead: float = 17.0
    late: float = 5.0
    sweep: float = 60.0
    write: float = 10.0


Beat = tuple[str, int]  # a process and its heartbeat


class Peers:
    """The ages of the other processes' heartbeats, measured in unbroken contact. Pure."""

    def __init__(self, timing: LeaseTiming) -> None:
        self._timing = timing
        self._since: dict[str, tuple[int, float]] = {}
        self._last = -math.inf

    def observe(self, beats: Iterable[Beat], sent: float, received: float) -> list[Beat]:
        """Record the heartbeats of a query; return the processes to declare dead, with theirs."""
        if received - self._last > self._timing.late:
            self._since = {}
        self._last = received
        before, self._since = self._since, {}
        for process, beat in beats:
            known = before.get(process, (beat, received))
            self._since[process] = known if known[0] == beat else (beat, received)
        dead = self._timing.dead
        return [(one, beat) for one, (beat, since) in self._since.items() if sent - since >= dead]

    def contact_lost(self) -> None:
        """Restart every count."""
        self._since = {}

    def next_death(self) -> float:
        """Return the earliest time at which a process could be declared dead."""
        since = (moment for _, moment in self._since.values())
        return min(since, default=math.inf) + self._timing.dead


class Lease:
    """The row of this process, and the connection that renews it and listens for topics.

    Args:
        connect: opens the connection.
        timing: durations.
        on_topic: receives the topics of other processes; None if any topic could be lost.
        on_registered: receives each new id: at the start, and after a peer declared this process
            dead.

    Attributes:
        owner: this process's id.
        sender: marks this process's notifications.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        timing: LeaseTiming,
        on_topic: Callable[[str | None], object],
        on_registered: Callable[[str], object],
    ) -> None:
        self.owner = ""
        self.sender = uuid4().hex
        self._connect = connect
        self._timing = timing
        self._on_topic, self._on_registered = on_topic, on_registered
        self._peers = Peers(timing)
        self._connection: asyncpg.Connection | None = None
        self._sent = -math.inf  # the moment before the last successful renewal was sent
        self._swept = -math.inf
        self._renewed = asyncio.Event()
        self._wake = asyncio.Event()

    async def start(self) -> bool:
        """Register this process and listen; return whether other processes have rows."""
        return bool(await self._renew())

    async def run(self) -> None:
        """Renew the lease until canceled, also after errors."""
        while True:
            last = max(self._sent, now() - self._timing.renew)
            pause = min(last + self._timing.renew, self._peers.next_death()) - now()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, pause)):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._renew()
            except Exception as error:  # noqa: BLE001 - this loop must continue
                log.warning("cannot renew the lease", error=error_text(error))
                self._drop_connection()
                await asyncio.sleep(self._timing.renew / 2)

    async def hold(self, owner: str, within: float) -> None:
        """Return if no peer can own the owner's tasks; wait for a renewal if needed.

        Raises:
            LeaseLostError: a peer can own them.
            StoreUnavailableError: no renewal succeeds in time.
        """
        try:
            async with asyncio.timeout(within):
                while now() - self._sent > self._timing.fresh:
                    self._wake.set()
                    await self._renewed.wait()
        except TimeoutError:
            raise StoreUnavailableError("the lease cannot be renewed") from None
        if self.owner != owner:
            raise LeaseLostError("a peer declared this process dead")

    def problem(self) -> str | None:
        """Return the reason why no post can begin, or None."""
        age = now() - self._sent
        return f"no renewal of the lease for {age:.0f} s" if age > self._timing.fresh else None

    async def leave(self) -> None:
        """Free this process's tasks and delete its row."""
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = await self._connect()
        try:
            await connection.fetch(FREE_DEAD.for_postgres(), [self.owner])
            await connection.execute(_LEAVE, self.owner)
            await connection.execute(NOTIFY, CHANNEL, [f"{self.sender} "])
        finally:
            connection.terminate()

    def _drop_connection(self) -> None:
        self._peers.contact_lost()
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _listen(self) -> asyncpg.Connection:
        connection = self._connection = await self._connect()
        connection.add_termination_listener(lambda _: self._wake.set())
        with with_timeout(connection, self._timing.late):
            await connection.add_listener(CHANNEL, self._notified)
        self._on_topic(None)
        return connection

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        sender, _, topic = payload.partition(" ")
        if sender != self.sender:
            self._on_topic(topic or None)

    async def _renew(self) -> list[Any]:
        connection = self._connection
        if connection is None or connection.is_closed():
            self._peers.contact_lost()
            connection = await self._listen()
        with with_timeout(connection, self._timing.late):
            sent = now()
            rows: list[Any] = await connection.fetch(_RENEW, self.owner)
            received = now()
            if not any(row[3] for row in rows):
                await self._register(connection)
            else:
                self._sent = sent
            self._renewed.set()
            self._renewed.clear()
            beats = [(row[0], row[1]) for row in rows if not row[2] and row[0] != self.owner]
            await self._take_over(connection, rows, self._peers.observe(beats, sent, received))
        return rows

    async def _register(self, connection: asyncpg.Connection) -> None:
        self._sent = self._swept = -math.inf
        owner, sent = uuid4().hex, now()
        await connection.execute(_REGISTER, owner)
        self.owner, self._sent = owner, sent
        self._on_registered(owner)

    async def _take_over(
        self, connection: asyncpg.Connection, rows: Sequence[Any], dead: list[Beat]
    ) -> None:
        """Declare processes dead, and free the tasks of all dead owners."""
        some_dead = bool(dead) or any(row[2] for row in rows)
        for process, beat in dead:
            if await connection.execute(_DECLARE_DEAD, process, beat) != "UPDATE 0":
                log.warning("a peer is dead; taking over its tasks", process=process)
        if not some_dead and now() < self._swept + self._timing.sweep:
            return
        self._swept = now()
        await connection.execute(_FORGET_DEAD, _FORGET)
        owners = [row[0] for row in await connection.fetch(_DEAD_OWNERS)]
        if owners and await connection.fetch(FREE_DEAD.for_postgres(), owners):
            self._on_topic(None)
