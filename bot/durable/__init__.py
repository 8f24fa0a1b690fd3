"""Accepted tasks are on disk before Slack is acked, and run even if this process dies.

``model``       tasks, and the changes of them; the errors
``worker``      runs tasks, as many as its ``room`` holds; ``attempt`` calls a handler, which
                gets a ``context``; ``cleanup`` is such a handler
``store``       tasks and documents for the whole process
``committer``   writes all changes that wait in one transaction
``batch``       what such a transaction does; ``statements`` are its SQL
``database``    opens ``sqlite`` or ``postgres`` with the tables of ``schema/``
"""
