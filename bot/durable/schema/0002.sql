-- The audit log: one row for each act and each refusal. `event` is JSON; `at` is its time.
CREATE TABLE training_bot_audit (
    id TEXT NOT NULL PRIMARY KEY,
    at DOUBLE PRECISION NOT NULL,
    event TEXT NOT NULL,
    unposted INTEGER NOT NULL
);
CREATE INDEX training_bot_audit_at ON training_bot_audit (at, id);
CREATE INDEX training_bot_audit_unposted ON training_bot_audit (at, id) WHERE unposted = 1;
