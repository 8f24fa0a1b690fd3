"""The tables, as Alembic makes them (``migrations/``) and the statements use them.

Moments are seconds since 1970 by the database's clock, never the process's: replicas' clocks
differ, and both databases can count with plain numbers.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

metadata = MetaData()
VERSION = "training_bot_version"  # Alembic's table; by its own name, another program's may be here

work = Table(
    "training_bot_work",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", JSON, nullable=False),
    Column("run_at", Double),  # when anyone may take it: a lease's end, or a timer; NULL when done
    Column("owner", Text),  # only while it is held: whoever finds one here knows of a death
    Column("fence", Integer, nullable=False),
    Column("dirty", Boolean, nullable=False),
    Column("fails", Integer, nullable=False),
    Column("error", Text),
    Column("accepted_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
)
Index(
    "training_bot_work_due",
    work.c.run_at,
    sqlite_where=work.c.run_at.is_not(None),
    postgresql_where=work.c.run_at.is_not(None),
)

documents = Table(
    "training_bot_documents",
    metadata,
    Column("collection", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", JSON, nullable=False),
    Column("updated_at", Double, nullable=False),
)


class now(FunctionElement[float]):  # noqa: N801 - reads as the SQL function that it is
    """The database's clock, in seconds since 1970."""

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(_element: object, _compiler: object, **_: object) -> str:
    # unixepoch('subsec') came with SQLite 3.42, and Debian 12 has 3.40.
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_postgresql(_element: object, _compiler: object, **_: object) -> str:
    # STABLE, unlike clock_timestamp(): a comparison with it can use the index.
    return "extract(epoch FROM statement_timestamp())::double precision"
