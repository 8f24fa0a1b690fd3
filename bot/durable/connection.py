"""Connections to PostgreSQL: open them, limit their time, and detect poolers."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg  # type: ignore[import-untyped]

from bot.durable.model import DatabaseError

# A refusal, a lost connection, or an invalid host or parameter.
FAULTS = (
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
    *(OSError, EOFError, TimeoutError),
)
_CONNECT = 5.0  # seconds
_PROBE_TIMEOUT = 5.0  # seconds
_PROBES = 5
_PARSED_HERE = {"sslmode", "application_name", "connect_timeout", "channel_binding"}
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
            FAULTS: the connection fails.
        """
        return await asyncpg.connect(self.url, **(self.options | options))


def connector(url: str) -> Connector:
    """Parse a URL with the parameters of libpq, which managed servers put there.

    asyncpg has no ``channel_binding``, so it is ignored; ``sslmode=verify-full`` proves the server.

    Raises:
        ValueError: a parameter has an invalid value.
    """
    address = urlsplit(url)
    query = dict(parse_qsl(address.query, strict_parsing=bool(address.query)))
    options: dict[str, Any] = {"timeout": float(query.get("connect_timeout", 0)) or _CONNECT}
    if (mode := query.get("sslmode")) is not None:
        options["ssl"] = mode
    if (name := query.get("application_name")) is not None:
        options["server_settings"] = {"application_name": name}
    rest = {name: value for name, value in query.items() if name not in _PARSED_HERE}
    direct = address._replace(scheme="postgresql", query=urlencode(rest))
    return Connector(direct.geturl(), options)


@contextmanager
def with_timeout(connection: asyncpg.Connection, seconds: float) -> Iterator[None]:
    """Terminate the connection after ``seconds``; the running statement then raises."""
    timer = asyncio.get_running_loop().call_later(seconds, connection.terminate)
    try:
        yield
    finally:
        timer.cancel()


def error_text(error: BaseException) -> str:
    """Return the text of an error, without the statement and its values."""
    return str(error) or "no answer in time"


async def refuse_pooler(connector: Connector) -> None:
    """Return if each connection has a server process of its own.

    Raises:
        DatabaseError: a pooler shares the server's processes between connections.
    """
    one = await connector.open(statement_cache_size=0)
    other: asyncpg.Connection | None = None
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            first = await _backend(one)
            if first == one.get_server_pid():
                return
            # A pooler, perhaps in session mode. A second connection opens a transaction, and might
            # take the process of the first one unless that process is reserved.
            other = await connector.open(statement_cache_size=0)
            await other.execute("BEGIN")
            seen = {await _backend(one) for _ in range(_PROBES)}
            if seen != {first} or await _backend(other) == first:
                raise DatabaseError(_POOLER)
    except (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError):
        raise DatabaseError(_POOLER) from None
    except asyncpg.PostgresError as error:
        if "transaction" in str(error):  # in statement mode, PgBouncer refuses BEGIN
            raise DatabaseError(_POOLER) from None
        raise
    finally:
        for connection in (one, other):
            if connection is not None:
                connection.terminate()


async def _backend(connection: asyncpg.Connection) -> int:
    pid: int = await connection.fetchval("SELECT pg_backend_pid()")
    return pid
