"""Bring the schema of a PostgreSQL database up to date."""

import asyncio
from collections.abc import Callable

import asyncpg  # type: ignore[import-untyped]
import structlog

from bot.durable.connection import Connector
from bot.durable.model import DatabaseError
from bot.durable.schema import VERSION, missing_migrations

log = structlog.stdlib.get_logger(__name__)

_LOCK = 4_205_881_316_030_211  # any number, the same in every version
_ANSWER = 5.0  # seconds


async def migrate(connector: Connector, wait: float, on_wait: Callable[[str], object]) -> None:
    """Apply the missing schema files in one transaction."""
    connection = await connector.open()
    try:
        async with connection.transaction():
            await _lock(connection, wait, on_wait)
            tables = await connection.fetch(
                "SELECT tablename FROM pg_tables WHERE schemaname = ANY(current_schemas(false))"
            )
            names = {name for (name,) in tables}
            found = 0
            if VERSION in names:
                found = await connection.fetchval(f"SELECT max(version) FROM {VERSION}") or 0
            for number, sql in missing_migrations(names, found):
                await connection.execute(sql)
                await connection.execute(f"INSERT INTO {VERSION} VALUES ($1)", number)
    finally:
        connection.terminate()


async def _lock(
    connection: asyncpg.Connection, wait: float, on_wait: Callable[[str], object]
) -> None:
    """Take the migration lock; wait for another process that migrates."""
    milliseconds = max(1, round(wait * 1000))  # 0 is no limit
    await connection.execute(f"SET LOCAL lock_timeout = {milliseconds}")
    try:
        async with asyncio.timeout(wait + _ANSWER):
            if await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
                return
            why = "another process migrates it"
            log.warning("waiting for another process to release the database", why=why)
            on_wait(why)
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    except TimeoutError:
        raise DatabaseError(
            f"the database did not answer within {wait + _ANSWER:g} s. Check whether its server"
            " hangs"
        ) from None
    except asyncpg.LockNotAvailableError:
        raise DatabaseError(
            f"another process migrates the database, and did not finish within {wait:g} s."
            " Check for one that hangs; PostgreSQL's pg_locks shows its advisory lock"
        ) from None
