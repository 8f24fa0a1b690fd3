"""What Alembic runs to reach the database: the connection that `migrate` was given."""

from alembic import context

from bot.journal.schema import VERSION

context.configure(connection=context.config.attributes["connection"], version_table=VERSION)
with context.begin_transaction():
    context.run_migrations()
