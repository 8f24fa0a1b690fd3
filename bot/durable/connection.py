"""Connections to PostgreSQL: how they are opened, bounded and recognized as pooled."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg  # type: ignore[import-untyped]

from bot.durable.model import DatabaseError

# A refusal, a lost connection, or a host or a parameter that cannot be.
FAULTS = (
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
    *(OSError, EOFError, TimeoutError),
)
_CONNECT = 5.0  # seconds
_PROOF = 5.0  # seconds
_LOOKS = 5
_TRANSLATED = {"sslmode", "application_name", "connect_timeout", "channel_binding"}
_POOLER = (
    "DATABASE_URL leads to PgBouncer, or another pooler, in transaction or statement mode. The bot"
    " needs sessions, for locks and notifications: give the database's direct address, or set"
    " pool_mode = session"
)


@dataclass(frozen=True, slots=True)
class Connector:
    """Opens connections to one database."""

    url: str = field(repr=False)
    options: dict[str, Any]

    async def open(self, **options: Any) -> asyncpg.Connection:  # noqa: ANN401 - asyncpg's own
        """Open a connection.

        Raises:
            FAULTS: it cannot be.
        """
        return await asyncpg.connect(self.url, **(self.options | options))


def connector(url: str) -> Connector:
    """Read a URL as the server's own tools do; managed servers give it with their parameters.

    ``channel_binding`` is left out, as asyncpg has none; ``sslmode=verify-full`` proves the server.

    Raises:
        ValueError: a parameter's value is wrong.
    """
    address = urlsplit(url)
    query = dict(parse_qsl(address.query, strict_parsing=bool(address.query)))
    options: dict[str, Any] = {"timeout": float(query.get("connect_timeout", 0)) or _CONNECT}
    if (mode := query.get("sslmode")) is not None:
        options["ssl"] = mode
    if (name := query.get("application_name")) is not None:
        options["server_settings"] = {"application_name": name}
    rest = {name: value for name, value in query.items() if name not in _TRANSLATED}
    direct = address._replace(scheme="postgresql", query=urlencode(rest))
    return Connector(direct.geturl(), options)


@contextmanager
def bounded(connection: asyncpg.Connection, seconds: float) -> Iterator[None]:
    """Terminate the connection after so many seconds; the statement under way then raises."""
    timer = asyncio.get_running_loop().call_later(seconds, connection.terminate)
    try:
        yield
    finally:
        timer.cancel()


def in_words(error: BaseException) -> str:
    """Return the error's text, without the statement and its values."""
    return str(error) or "no answer in time"


async def refuse_pooler(connector: Connector) -> None:
    """Return if a connection is a session: its statements all reach one process of the server.

    Raises:
        DatabaseError: a pooler gives the process to others between two transactions.
    """
    one = await connector.open(statement_cache_size=0)
    other: asyncpg.Connection | None = None
    try:
        async with asyncio.timeout(_PROOF):
            first = await _backend(one)
            if first == one.get_server_pid():
                return
            # A pooler. While another connection is in a transaction, ours keeps its process only
            # if that is ours alone.
            other = await connector.open(statement_cache_size=0)
            await other.execute("BEGIN")
            seen = {await _backend(one) for _ in range(_LOOKS)}
            if seen != {first} or await _backend(other) == first:
                raise DatabaseError(_POOLER)
    except (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError):
        raise DatabaseError(_POOLER) from None
    except asyncpg.PostgresError as error:
        if "transaction" in str(error):  # PgBouncer's refusal in statement mode
            raise DatabaseError(_POOLER) from None
        raise
    finally:
        for connection in (one, other):
            if connection is not None:
                connection.terminate()


async def _backend(connection: asyncpg.Connection) -> int:
    pid: int = await connection.fetchval("SELECT pg_backend_pid()")
    return pid
