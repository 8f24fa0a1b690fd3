"""Connections to PostgreSQL: open them, limit their time, and detect poolers."""

import asyncio
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg  # type: ignore[import-untyped]
import structlog

from bot.durable.model import DatabaseError

log = structlog.stdlib.get_logger(__name__)

# A refusal, a lost connection, or an invalid host or parameter.
FAULTS = (
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
    *(OSError, EOFError, TimeoutError),
)
_CONNECT = 5.0  # seconds
_PROBE_TIMEOUT = 5.0  # seconds
_PROBES = 5
_PARSED_HERE = frozenset(
    {"sslmode", "ssl", "application_name", "connect_timeout", "schema", "currentSchema"}
)
# Parameters of Prisma, SQLAlchemy, node-postgres and newer versions of libpq. asyncpg would send
# them to the server, which refuses the connection. Instead of channel_binding, sslmode=verify-full
# proves the server.
IGNORED = frozenset(
    {
        *(
            "pgbouncer",
            "connection_limit",
            "pool_timeout",
            "socket_timeout",
            "statement_cache_size",
        ),
        *("pool_size", "max_overflow", "prepareThreshold", "prepared_statements", "supa"),
        *("sslcertmode", "min_protocol_version", "max_protocol_version", "sslkeylogfile"),
        *("fallback_application_name", "prepared_statement_cache_size", "pool_pre_ping"),
        *("channel_binding", "gssencmode", "sslcompression", "sslsni", "uselibpqcompat"),
        *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
        *("load_balance_hosts", "sslaccept", "workaround", "require_auth", "tcp_user_timeout"),
    }
)
_CURES = {
    "CERTIFICATE_VERIFY_FAILED|NO_CERTIFICATE_OR_CRL_FOUND|root certificate file": ". Give the"
    " server's certificate authority: sslrootcert=<file>, or sslrootcert=system for the authorities"
    " of this machine",
    "unrecognized configuration parameter": ". Remove this parameter from DATABASE_URL: neither the"
    " bot nor the server knows it",
    "no schema has been selected": ". Create the schema that DATABASE_URL names, or leave this"
    " parameter out",
    "permission denied for schema": ". Let the user of DATABASE_URL create tables: GRANT USAGE,"
    " CREATE ON SCHEMA … TO …",
    "rejected SSL upgrade": ". Leave sslmode out: this server does not use TLS",
    "no pg_hba.conf entry.*no encryption": ". Add sslmode=require to DATABASE_URL",
    "password authentication failed": ". Correct the user and the password in DATABASE_URL",
    'database ".*" does not exist': ". Create the database, or correct its name in DATABASE_URL",
    "read-only transaction|match the target attribute": ". Give the address of the primary server,"
    " to which the bot can write",
    "Connect call failed|Multiple exceptions|Name or service not known|No address associated": "."
    " Start the server, or correct the host and the port in DATABASE_URL",
    "target_session_attrs is expected": ". Use target_session_attrs=read-write, or leave it out",
    "bad query field": ". Write each parameter of DATABASE_URL as name=value, with & between two",
}
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
    """Parse a URL with the parameters of libpq and of other clients, as managed servers write it.

    Raises:
        ValueError: a parameter has an invalid value.
    """
    address = urlsplit(url)
    query = dict(parse_qsl(address.query, strict_parsing=bool(address.query)))
    if ignored := sorted(IGNORED & query.keys()):
        why = "they are for other programs"
        log.info("ignored parameters of DATABASE_URL", names=ignored, why=why)
    options: dict[str, Any] = {"timeout": _seconds(query.get("connect_timeout", "0"))}
    if (mode := query.get("sslmode") or _mode(query.get("ssl"))) is not None:
        options["ssl"] = mode
    if query.get("sslrootcert") == "system":  # libpq's word for the system's authorities
        options["ssl"] = ssl.create_default_context()
        del query["sslrootcert"]
    settings = {name: query[name] for name in ("application_name",) if name in query}
    if (schema := query.get("schema") or query.get("currentSchema")) is not None:
        settings["search_path"] = schema
    if settings:
        options["server_settings"] = settings
    if "," in address.netloc.rpartition("@")[2] and "target_session_attrs" not in query:
        options["target_session_attrs"] = "read-write"  # the other hosts can be standbys
    parsed = _PARSED_HERE | IGNORED
    rest = {name: value for name, value in query.items() if name not in parsed}
    direct = address._replace(scheme="postgresql", query=urlencode(rest))
    return Connector(direct.geturl(), options)


def _seconds(value: str) -> float:
    try:
        given = float(value)
    except ValueError:
        raise ValueError("connect_timeout must be a number of seconds") from None
    return given if given > 0 else _CONNECT  # libpq waits without end after 0 and less


def _mode(value: str | None) -> str | None:
    """Return the ``sslmode`` for the parameter ``ssl`` of other clients."""
    if value is None:
        return None
    named = {"true": "require", "1": "require", "false": "disable", "0": "disable"}
    return named.get(value.lower(), value)


def cure(error: BaseException) -> str:
    """Return the cure of an error, as the end of its sentence; empty if none is known."""
    if isinstance(error, FileNotFoundError):
        return ". Correct the path that host, sslrootcert, sslcert or sslkey gives, or leave it out"
    text = str(error)
    return next((words for sign, words in _CURES.items() if re.search(sign, text)), "")


@contextmanager
def with_timeout(connection: asyncpg.Connection, seconds: float) -> Iterator[None]:
    """Terminate the connection after ``seconds``; the running statement then raises."""
    timer = asyncio.get_running_loop().call_later(seconds, connection.terminate)
    try:
        yield
    finally:
        timer.cancel()


def error_text(error: BaseException) -> str:
    """Return the first line of an error; the others have hints, and details with values."""
    return str(error).partition("\n")[0] or "no answer in time"


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
