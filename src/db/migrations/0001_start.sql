-- Times are milliseconds since 1970-01-01 UTC.

CREATE TABLE deliveries (
    guid        TEXT    PRIMARY KEY,
    kind        TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    decision    TEXT    NOT NULL          -- why it became a job, or did not
);

-- A job's id is also its session's id.
CREATE TABLE jobs (
    id          TEXT    PRIMARY KEY,
    delivery    TEXT    UNIQUE REFERENCES deliveries (guid),
    subject     TEXT    NOT NULL,         -- one live session per subject
    repository  TEXT    NOT NULL,         -- the queue is fair across these
    request     TEXT    NOT NULL,         -- JSON
    state       TEXT    NOT NULL CHECK (state IN ('ready', 'leased', 'done')),
    created_at  INTEGER NOT NULL,
    not_before  INTEGER NOT NULL,
    lease_until INTEGER,                  -- set while leased
    fence       INTEGER NOT NULL DEFAULT 0, -- grows with every lease
    runs        INTEGER NOT NULL DEFAULT 0,
    retries     INTEGER NOT NULL DEFAULT 0,
    outcome     TEXT,                     -- set when done
    ended_at    INTEGER
);

CREATE INDEX jobs_waiting ON jobs (state, not_before, created_at);

CREATE TABLE session_events (
    session TEXT    NOT NULL REFERENCES jobs (id),
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    format  INTEGER NOT NULL,
    name    TEXT    NOT NULL,
    body    TEXT    NOT NULL,             -- the event as JSON
    PRIMARY KEY (session, seq)
) WITHOUT ROWID;

CREATE UNIQUE INDEX jobs_one_per_subject ON jobs (subject) WHERE state != 'done';
