"""Tasks and documents that survive the process.

``model``       tasks, documents, their changes, and the errors
``worker``      runs tasks: ``room`` limits them, ``attempt`` calls a handler with a ``context``
``task_state``  what a task needs to run: its model, kept as JSON
``store``       the interface to tasks, documents and topics; ``parsed`` has documents as models
``committer``   groups waiting changes into transactions
``batch``       the content of a transaction; ``statements`` has the SQL
``database``    opens ``sqlite`` or ``postgres`` with the tables of ``schema/``; for PostgreSQL,
                ``postgres_schema`` creates them
``events``      the rows of the audit log, which ``reader`` reads beside a running bot
``lease``       the heartbeat of a process that shares PostgreSQL
``in_flight``   light background work that does not survive the process
"""
