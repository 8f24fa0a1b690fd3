"""The lease of a process: a row with a heartbeat, and the takeover of tasks whose owner is dead.

No clock of the database decides over life and death: a heartbeat is a number, and a peer waits on
its own monotonic clock.
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

from bot.durable.connection import bounded, in_words
from bot.durable.model import LeaseLostError, StoreUnavailableError
from bot.durable.statements import FREE_DEAD

log = structlog.stdlib.get_logger(__name__)

CHANNEL = "training_bot"
NOTIFY = "SELECT pg_notify($1, word) FROM unnest($2::text[]) AS word"
_FORGET = 3600.0  # seconds that the row of a dead process is kept
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
# An id is never used again. So an owner without a live row stays without one.
_DEAD_OWNERS = """
    SELECT DISTINCT owner FROM training_bot_tasks WHERE owner IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM training_bot_processes WHERE id = owner AND dead_since IS NULL)"""
_FORGET_DEAD = f"DELETE FROM training_bot_processes WHERE dead_since < {_NOW} - $1"
_LEAVE = "DELETE FROM training_bot_processes WHERE id = $1"
_SLEEPS = hasattr(time, "CLOCK_BOOTTIME")


def now() -> float:
    """Return the moment on a monotonic clock; on Linux it goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if _SLEEPS else time.monotonic()


@dataclass(frozen=True, slots=True)
class LeaseTiming:
    """Durations in seconds. With ``fresh`` and 10 s for a post, a post ends before ``dead``.

    Attributes:
        renew: between two renewals.
        fresh: from the sending of a renewal, how long a post may begin.
        dead: how long a peer sees the same heartbeat before it declares death.
        late: a renewal without an answer for so long has failed; so is the contact then broken.
        sweep: between two looks for tasks whose owner has no row at all.
        write: how long a batch takes at most.
    """

    renew: float = 2.0
    fresh: float = 5.0
    dead: float = 17.0
    late: float = 5.0
    sweep: float = 60.0
    write: float = 10.0


Beat = tuple[str, int]  # a process and its heartbeat


class Peers:
    """How long the other processes have shown the same heartbeat, in unbroken contact. Pure."""

    def __init__(self, timing: LeaseTiming) -> None:
        self._timing = timing
        self._since: dict[str, tuple[int, float]] = {}
        self._last = -math.inf

    def look(self, beats: Iterable[Beat], sent: float, received: float) -> list[Beat]:
        """Note the heartbeats of a look; return the processes to declare dead, with theirs."""
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
        """Count from the start again."""
        self._since = {}

    def next_death(self) -> float:
        """Return the earliest moment at which a process could be declared dead."""
        since = (moment for _, moment in self._since.values())
        return min(since, default=math.inf) + self._timing.dead


class Lease:
    """The row of this process, renewed on a connection of its own, which listens too.

    Args:
        connect: opens the connection.
        timing: durations.
        heard: gets what other processes publish; None: something might be missed.
        registered: gets the new id at the start, and after this process was declared dead.

    Attributes:
        owner: this process's id.
        sender: marks its notifications.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        timing: LeaseTiming,
        heard: Callable[[str | None], object],
        registered: Callable[[str], object],
    ) -> None:
        self.owner = ""
        self.sender = uuid4().hex
        self._connect = connect
        self._timing = timing
        self._heard, self._registered = heard, registered
        self._peers = Peers(timing)
        self._connection: asyncpg.Connection | None = None
        self._sent = -math.inf  # the moment before the last successful renewal was sent
        self._swept = -math.inf
        self._renewed = asyncio.Event()
        self._wake = asyncio.Event()

    async def start(self) -> bool:
        """Register this process, and listen; return whether other processes have rows."""
        return bool(await self._renew())

    async def run(self) -> None:
        """Renew the lease until cancelled, whatever happens."""
        while True:
            last = max(self._sent, now() - self._timing.renew)
            pause = min(last + self._timing.renew, self._peers.next_death()) - now()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, pause)):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._renew()
            except Exception as error:  # noqa: BLE001 - this loop must go on
                log.warning("the lease is not renewed", error=in_words(error))
                self._drop_connection()
                await asyncio.sleep(self._timing.renew / 2)

    async def hold(self, owner: str, within: float) -> None:
        """Return while no peer can have the owner's tasks: at once, or after the next renewal.

        Raises:
            LeaseLostError: a peer can.
            StoreUnavailableError: no renewal succeeds within so many seconds.
        """
        try:
            async with asyncio.timeout(within):
                while now() - self._sent > self._timing.fresh:
                    self._wake.set()
                    await self._renewed.wait()
        except TimeoutError:
            raise StoreUnavailableError("the lease cannot be renewed") from None
        if self.owner != owner:
            raise LeaseLostError("other processes have taken this one for dead")

    def problem(self) -> str | None:
        """Return the reason why a post cannot begin."""
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
        with bounded(connection, self._timing.late):
            await connection.add_listener(CHANNEL, self._notified)
        self._heard(None)
        return connection

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        sender, _, topic = payload.partition(" ")
        if sender != self.sender:
            self._heard(topic or None)

    async def _renew(self) -> list[Any]:
        connection = self._connection
        if connection is None or connection.is_closed():
            self._peers.contact_lost()
            connection = await self._listen()
        with bounded(connection, self._timing.late):
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
            await self._take_over(connection, rows, self._peers.look(beats, sent, received))
        return rows

    async def _register(self, connection: asyncpg.Connection) -> None:
        self._sent = self._swept = -math.inf
        owner, sent = uuid4().hex, now()
        await connection.execute(_REGISTER, owner)
        self.owner, self._sent = owner, sent
        self._registered(owner)

    async def _take_over(
        self, connection: asyncpg.Connection, rows: Sequence[Any], dead: list[Beat]
    ) -> None:
        """Declare processes dead, and free the tasks of every dead owner."""
        some_dead = bool(dead) or any(row[2] for row in rows)
        for process, beat in dead:
            if await connection.execute(_DECLARE_DEAD, process, beat) != "UPDATE 0":
                log.warning("a process has died; its tasks are taken over", process=process)
        if not some_dead and now() < self._swept + self._timing.sweep:
            return
        self._swept = now()
        await connection.execute(_FORGET_DEAD, _FORGET)
        owners = [row[0] for row in await connection.fetch(_DEAD_OWNERS)]
        if owners and await connection.fetch(FREE_DEAD.for_postgres(), owners):
            self._heard(None)
