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


def check_schema(tables: Collection[str], found: int) -> None:
    """Return if this bot can use a database with these tables and this schema.

    Raises:
        DatabaseError: it cannot; nothing was changed.
    """
    if not _UNRELEASED.isdisjoint(tables):
        raise DatabaseError(
            "The database was made by an unreleased version of this bot, whose tables this one"
            " cannot read. Move it away, or give another in DATABASE_URL: a new one is made"
        )
    newest = MIGRATIONS[-1][0]
    if found > newest:
        raise DatabaseError(
            f"The database's schema is {found:04}, and this bot knows it up to {newest:04} only."
            " Start the newer version of the bot again, or restore a backup made before it ran"
        )
