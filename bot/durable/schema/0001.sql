-- Both databases read this file. Moments are seconds since 1970 by the database's clock; JSON is text.

CREATE TABLE training_bot_schema (version INTEGER NOT NULL PRIMARY KEY);

-- A task is one of: waiting for its turn (no owner, no due_at), sleeping (due_at), owned, ended.
CREATE TABLE training_bot_tasks (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    queue TEXT NOT NULL,
    person TEXT NOT NULL,
    lane TEXT NOT NULL,
    state TEXT NOT NULL,
    owner TEXT,
    attempt INTEGER NOT NULL,
    step_may_have_run INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    error TEXT,
    turn BIGINT NOT NULL,
    due_at DOUBLE PRECISION,
    origin TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    ended_at DOUBLE PRECISION
);
CREATE INDEX training_bot_tasks_waiting ON training_bot_tasks (queue, turn, created_at)
    WHERE owner IS NULL AND due_at IS NULL AND ended_at IS NULL;
CREATE INDEX training_bot_tasks_due ON training_bot_tasks (queue, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX training_bot_tasks_owned ON training_bot_tasks (owner) WHERE owner IS NOT NULL;
CREATE INDEX training_bot_tasks_ended ON training_bot_tasks (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE training_bot_documents (
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (collection, key)
);

-- PostgreSQL only uses this one: a row for each start of a process.
CREATE TABLE training_bot_processes (
    id TEXT NOT NULL PRIMARY KEY,
    heartbeat BIGINT NOT NULL,
    dead_since DOUBLE PRECISION
);
