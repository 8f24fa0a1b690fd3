"""The numbered files of the schema, which both databases apply in order.

A change of the schema is a new file.
"""

from collections.abc import Collection
from importlib.resources import files

from bot.durable.model import DatabaseError

MIGRATIONS: list[tuple[int, str]] = sorted(
    (int(file.name.removesuffix(".sql")), file.read_text())
    for file in files(__package__).iterdir()
    if file.name.endswith(".sql")
)
VERSION = "training_bot_schema"  # the table of applied files
_UNRELEASED = {"training_bot_work", "training_bot_version"}


def missing_migrations(tables: Collection[str], found: int) -> list[tuple[int, str]]:
    """Return the numbers and the SQL of the schema files that a database needs.

    Args:
        tables: the tables of the database.
        found: the number of its newest schema file, or 0.

    Raises:
        DatabaseError: this bot cannot use the database.
    """
    if not _UNRELEASED.isdisjoint(tables):
        raise DatabaseError(
            "An unreleased version of this bot made the database, and this version cannot read"
            " its tables. Move it away, or set DATABASE_URL to another; the bot creates a new one"
        )
    newest = MIGRATIONS[-1][0]
    if found > newest:
        raise DatabaseError(
            f"The database has schema {found:04}, but this version of the bot knows schemas only up"
            f" to {newest:04}. Start the newer version again, or restore a backup"
        )
    return [(number, sql) for number, sql in MIGRATIONS if number > found]
