"""All SQL statements, for both databases.

One execution handles many rows. SQLite reads them from one JSON text, PostgreSQL from one array per
column. Marks stand for the parts that differ:

``{rows}``       the rows, as table ``c``
``{one:NAME}``   a cell of the only row
``{list:NAME}``  a cell of the only row that is a list (type ``text[]``)
``{now}``        seconds since 1970 by the database's clock
``{lock}``       locks the selected rows
``{skip}``       locks the selected rows, and skips rows that are already locked
"""

import re
from dataclasses import dataclass

_SQLITE = {
    "now": "((julianday('now') - 2440587.5) * 86400.0)",  # unixepoch('subsec') needs 3.42
    "lock": "",  # SQLite has one writer
    "skip": "",
}
_POSTGRES = {
    "now": "extract(epoch FROM statement_timestamp())::float8",  # an index can use it
    "lock": "FOR UPDATE",
    "skip": "FOR UPDATE SKIP LOCKED",
}
_MARK = re.compile(r"\{(\w+)(?::(\w+))?\}")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement for both databases.

    Attributes:
        columns: the columns of the rows with PostgreSQL's types, such as ``id text, delay float8``.
        sql: the text with marks.
    """

    columns: str
    sql: str

    @property
    def types(self) -> list[tuple[str, str]]:
        """The columns' names and types."""
        pairs = [column.split() for column in self.columns.split(",")]
        return [(name, kind) for name, kind in pairs]

    def for_sqlite(self) -> str:
        """Return the SQL; ``?1`` is a JSON array of rows. https://sqlite.org/json1.html"""
        index = {name: i for i, (name, _) in enumerate(self.types)}
        cells = ", ".join(f"json_extract(value, '$[{i}]') AS {name}" for name, i in index.items())

        def spelled(mark: re.Match[str]) -> str:
            match mark[1]:
                case "rows":
                    return f"(SELECT {cells} FROM json_each(?1)) AS c"
                case "one":
                    return f"json_extract(?1, '$[0][{index[mark[2]]}]')"
                case "list":
                    return f"(SELECT value FROM json_each(?1, '$[0][{index[mark[2]]}]'))"
            return _SQLITE[mark[1]]

        return _MARK.sub(spelled, self.sql)

    def for_postgres(self) -> str:
        """Return the SQL; ``$1``, ``$2``, … are the columns' arrays."""
        array = {
            name: f"${i}::{kind.removesuffix('[]')}[]"
            for i, (name, kind) in enumerate(self.types, 1)
        }

        def spelled(mark: re.Match[str]) -> str:
            match mark[1]:
                case "rows":
                    return f"unnest({', '.join(array.values())}) AS c({', '.join(array)})"
                case "one":
                    return f"({array[mark[2]]})[1]"
                case "list":
                    return f"(SELECT unnest({array[mark[2]]}))"
            return _POSTGRES[mark[1]]

        return _MARK.sub(spelled, self.sql)


# Tasks

# Columns only: in SQLite 3.40, IS NULL in a RETURNING clause is always false.
_TASK = (
    "id, kind, state, created_at, person, lane, owner, attempt, step_may_have_run, failures, error,"
    " ended_at, turn"
)
READ_TASKS = Statement(
    "id text",
    "SELECT id, owner, attempt, origin, ended_at FROM training_bot_tasks"
    " WHERE id IN (SELECT c.id FROM {rows}) ORDER BY id {lock}",
)
INSERT_TASKS = Statement(
    "id text, kind text, queue text, person text, lane text, state text, owner text, turn int8,"
    " delay float8, origin text",
    "INSERT INTO training_bot_tasks (id, kind, queue, person, lane, state, owner, attempt,"
    " step_may_have_run, failures, turn, due_at, origin, created_at)"
    " SELECT c.id, c.kind, c.queue, c.person, c.lane, c.state, c.owner,"
    " CASE WHEN c.owner IS NULL THEN 0 ELSE 1 END, 0, 0, c.turn, {now} + c.delay, c.origin, {now}"
    " FROM {rows} WHERE true ON CONFLICT (id) DO NOTHING RETURNING id",
)
SAVE_TASKS = Statement(
    "id text, state text, owner text, step_may_have_run int4, failures int4, error text,"
    " delay float8, ended int4",
    "UPDATE training_bot_tasks SET state = c.state, owner = c.owner,"
    " step_may_have_run = c.step_may_have_run, failures = c.failures, error = c.error,"
    " due_at = {now} + c.delay, ended_at = CASE WHEN c.ended = 1 THEN {now} END"
    " FROM {rows} WHERE training_bot_tasks.id = c.id",
)
FINISH_TASKS = Statement(
    "id text",
    "UPDATE training_bot_tasks SET owner = NULL, due_at = NULL, step_may_have_run = 0,"
    " failures = 0, ended_at = {now} WHERE id IN (SELECT c.id FROM {rows}) AND ended_at IS NULL",
)
# The rows are found in a CTE, as PostgreSQL might execute a subquery again for each row.
_CLAIM = (
    "WITH found AS (SELECT id FROM training_bot_tasks WHERE queue = {one:queue} AND %s"
    " AND kind IN {list:kinds} AND lane NOT IN {list:full_lanes} AND id NOT IN {list:held}"
    " ORDER BY %s LIMIT {one:most} {skip})"
    " UPDATE training_bot_tasks SET owner = {one:owner}, attempt = attempt + 1, due_at = NULL"
    " WHERE id IN (SELECT id FROM found) RETURNING "
) + _TASK
_CLAIM_COLUMNS = "queue text, kinds text[], most int8, full_lanes text[], held text[], owner text"
CLAIM_DUE = Statement(_CLAIM_COLUMNS, _CLAIM % ("due_at <= {now}", "due_at"))
CLAIM_WAITING = Statement(
    _CLAIM_COLUMNS,
    _CLAIM % ("owner IS NULL AND due_at IS NULL AND ended_at IS NULL", "turn, created_at"),
)
WAKE_TASK = Statement(
    "id text",
    "UPDATE training_bot_tasks SET due_at = {now}"
    " WHERE id IN (SELECT c.id FROM {rows}) AND due_at IS NOT NULL RETURNING queue",
)
GET_TASK = Statement("id text", f"SELECT {_TASK} FROM training_bot_tasks WHERE id = {{one:id}}")
NEXT_DUE = Statement(
    "queue text, kinds text[]",
    "SELECT min(due_at) - {now} FROM training_bot_tasks"
    " WHERE queue = {one:queue} AND kind IN {list:kinds} AND due_at IS NOT NULL",
)
OLDEST_WAITING = Statement(
    "queue text",
    "SELECT {now} - min(created_at) FROM training_bot_tasks WHERE queue = {one:queue}"
    " AND owner IS NULL AND due_at IS NULL AND ended_at IS NULL",
)
# The tasks that could run now; of these, one that slept waits since it was due.
BACKLOG = Statement(
    "queue text",
    "SELECT count(*), {now} - min(since) FROM (SELECT created_at AS since FROM training_bot_tasks"
    " WHERE queue = {one:queue} AND owner IS NULL AND due_at IS NULL AND ended_at IS NULL"
    " UNION ALL SELECT due_at FROM training_bot_tasks"
    " WHERE queue = {one:queue} AND due_at IS NOT NULL AND due_at <= {now}) AS ready",
)
STILL_OPEN = Statement(
    "id text",
    "SELECT id FROM training_bot_tasks WHERE id IN (SELECT c.id FROM {rows}) AND ended_at IS NULL",
)
TURNS = Statement(
    "queue text",
    "SELECT person, min(turn), max(turn) FROM training_bot_tasks"
    " WHERE queue = {one:queue} AND owner IS NULL AND due_at IS NULL AND ended_at IS NULL"
    " GROUP BY person",
)
PRUNE = Statement(
    "age float8, most int8",
    "WITH found AS (SELECT id FROM training_bot_tasks"
    " WHERE ended_at < {now} - {one:age} LIMIT {one:most} {skip})"
    " DELETE FROM training_bot_tasks WHERE id IN (SELECT id FROM found) RETURNING id",
)
# The dead owner might have begun the step.
_FREE = (
    "WITH found AS (SELECT id FROM training_bot_tasks WHERE owner IS NOT NULL AND %s {skip})"
    " UPDATE training_bot_tasks SET owner = NULL, due_at = {now}, step_may_have_run = 1"
    " WHERE id IN (SELECT id FROM found) RETURNING id"
)
FREE_TASKS = Statement("live text[]", _FREE % "owner NOT IN {list:live}")
FREE_DEAD = Statement("dead text[]", _FREE % "owner IN {list:dead}")
# This process owns these tasks without knowing them: a commit with an unknown outcome claimed them.
FREE_FORGOTTEN = Statement(
    "owner text, held text[]",
    "UPDATE training_bot_tasks SET owner = NULL, due_at = {now}"
    " WHERE owner = {one:owner} AND id NOT IN {list:held}",
)

# Documents

READ_DOCUMENTS = Statement(
    "collection text, key text",
    "SELECT collection, key, value, version FROM training_bot_documents"
    " WHERE (collection, key) IN (SELECT c.collection, c.key FROM {rows})"
    " ORDER BY collection, key {lock}",
)
GET_DOCUMENT = Statement(
    "collection text, key text",
    "SELECT value FROM training_bot_documents"
    " WHERE collection = {one:collection} AND key = {one:key}",
)
INSERT_DOCUMENTS = Statement(
    "collection text, key text, value text, version text",
    "INSERT INTO training_bot_documents (collection, key, value, version)"
    " SELECT c.collection, c.key, c.value, c.version FROM {rows} WHERE true"
    " ON CONFLICT (collection, key) DO NOTHING RETURNING key",
)
UPDATE_DOCUMENTS = Statement(
    "collection text, key text, value text, version text",
    "UPDATE training_bot_documents SET value = c.value, version = c.version FROM {rows}"
    " WHERE training_bot_documents.collection = c.collection"
    " AND training_bot_documents.key = c.key",
)
DELETE_DOCUMENTS = Statement(
    "collection text, key text",
    "DELETE FROM training_bot_documents"
    " WHERE (collection, key) IN (SELECT c.collection, c.key FROM {rows})",
)
COUNT_DOCUMENTS = Statement(
    "collection text",
    "SELECT count(*) FROM training_bot_documents WHERE collection = {one:collection}",
)
PAGE_OF_VERSIONS = Statement(
    "collection text, after text, most int8",
    "SELECT key, version FROM training_bot_documents WHERE collection = {one:collection}"
    " AND key > {one:after} ORDER BY key LIMIT {one:most}",
)
MANY_DOCUMENTS = Statement(
    "collection text, key text",
    "SELECT key, version, value FROM training_bot_documents"
    " WHERE (collection, key) IN (SELECT c.collection, c.key FROM {rows}) ORDER BY key",
)

# The audit log

INSERT_EVENTS = Statement(
    "id text, at float8, event text, unposted int4",
    "INSERT INTO training_bot_audit (id, at, event, unposted)"
    " SELECT c.id, c.at, c.event, c.unposted FROM {rows} WHERE true"
    " ON CONFLICT (id) DO NOTHING RETURNING id",
)
PAGE_OF_EVENTS = Statement(
    "since float8, after text, most int8",
    "SELECT id, at, event FROM training_bot_audit WHERE (at, id) > ({one:since}, {one:after})"
    " ORDER BY at, id LIMIT {one:most}",
)
UNPOSTED_EVENTS = Statement(
    "most int8",
    "SELECT id, event FROM training_bot_audit WHERE unposted = 1 ORDER BY at, id LIMIT {one:most}",
)
MARK_POSTED = Statement(
    "ids text[]", "UPDATE training_bot_audit SET unposted = 0 WHERE id IN {list:ids}"
)
PRUNE_EVENTS = Statement(
    "age float8, most int8",
    "WITH found AS (SELECT id FROM training_bot_audit"
    " WHERE at < {now} - {one:age} LIMIT {one:most} {skip})"
    " DELETE FROM training_bot_audit WHERE id IN (SELECT id FROM found) RETURNING id",
)
