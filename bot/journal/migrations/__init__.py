"""Bring a database's schema up to date, with Alembic.

A change of ``schema.py`` is a new file in ``versions/``, which names the one before it.
"""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bot.journal.schema import VERSION


class NewerSchemaError(Exception):
    """A newer bot has changed the schema in a way that this one does not know."""


def migrate(connection: Connection) -> None:
    """Apply what is missing; the caller holds a lock and commits.

    Raises:
        NewerSchemaError: nothing was changed.
    """
    config = Config()
    config.set_main_option("script_location", "bot.journal:migrations")
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    known = [script.revision for script in scripts.walk_revisions()]
    context = MigrationContext.configure(connection, opts={"version_table": VERSION})
    found = context.get_current_revision()
    if found is not None and found not in known:
        raise NewerSchemaError(
            f"The database's schema is {found}, and this bot knows it up to {known[0]} only."
            " Start the newer version of the bot again, or restore a backup made before it ran"
        )
    command.upgrade(config, "head")
