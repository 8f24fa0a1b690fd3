"""What PostgreSQL adds: a word to the other replicas, over LISTEN and NOTIFY."""

import asyncio

import asyncpg  # type: ignore[import-untyped]
import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.journal.journal import JournalUnavailableError
from bot.journal.sql import SqlJournal
from bot.journal.statements import FAULTS, LONG, SOON, in_words

log = structlog.stdlib.get_logger(__name__)

_CHANNEL = "training_bot"
_PROOF = 10.0  # seconds between proofs that the line still works; a dead one may make no sound
_RECONNECT = 1.0  # seconds


class PostgresJournal(SqlJournal):
    """A journal that several replicas share."""

    shared = True
    # Until a connection stands, asyncpg's errors come as they are.
    faults = (*FAULTS, asyncpg.PostgresError, asyncpg.InterfaceError)

    def __init__(self, engine: AsyncEngine, connections: int, lease: float) -> None:
        super().__init__(engine, connections, lease)
        self.hears = asyncio.Event()  # or has tried to, and goes on trying

    async def notify(self, topic: str) -> None:
        """Tell it here and in the replicas."""
        await super().notify(topic)
        word = func.pg_notify(_CHANNEL, f"{self._owner} {topic}")
        try:
            await self._statements.run(select(word), within=SOON)
        except JournalUnavailableError as error:
            log.warning("the replicas were not told", topic=topic, error=str(error))

    async def hear(self) -> None:
        """Pass on what replicas tell, for ever, on a connection that is made anew when it ends."""
        while True:
            try:
                await self._hear()
            except Exception as error:  # noqa: BLE001 - whatever it is, without this none would hear
                log.warning("the line to the replicas is cut", error=in_words(error))
            self.hears.set()
            await asyncio.sleep(_RECONNECT)

    async def _hear(self) -> None:
        cut = asyncio.Event()
        async with self._engine.connect() as connection:
            try:
                line: asyncpg.Connection = (await connection.get_raw_connection()).driver_connection
                line.add_termination_listener(lambda _: cut.set())
                await line.add_listener(_CHANNEL, self._heard)
                self.hears.set()
                self._bulletin.tell()  # whatever was told while nobody listened
                while not await _happens(cut, within=_PROOF):
                    await line.execute("SELECT 1", timeout=LONG)
            finally:
                await connection.invalidate()  # it listens, and no statement is to get it

    def _heard(self, _line: object, _pid: int, _channel: str, word: str) -> None:
        teller, topic = word.split(" ", 1)
        if teller != self._owner:
            self._bulletin.tell(topic)


async def _happens(event: asyncio.Event, within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            return await event.wait()
    except TimeoutError:
        return False
