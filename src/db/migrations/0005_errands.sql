-- What a delivery asks for besides a session: a sign that it was seen, a look
-- at who asks, an answer. Stored with its delivery, worked by the clerk.
CREATE TABLE errands (
    id          INTEGER PRIMARY KEY,
    delivery    TEXT    REFERENCES deliveries (guid),
    lane        INTEGER NOT NULL,         -- 0: signs, which never wait behind the rest; 1: the rest
    what        TEXT    NOT NULL,         -- JSON
    state       TEXT    NOT NULL CHECK (state IN ('ready', 'leased', 'done')),
    created_at  INTEGER NOT NULL,
    not_before  INTEGER NOT NULL,
    lease_until INTEGER,                  -- set while leased
    fence       INTEGER NOT NULL DEFAULT 0, -- grows with every lease
    retries     INTEGER NOT NULL DEFAULT 0,
    outcome     TEXT,                     -- set when done
    ended_at    INTEGER
);

CREATE INDEX errands_waiting ON errands (state, lane, not_before) WHERE state <> 'done';
CREATE INDEX errands_open ON errands (delivery) WHERE state <> 'done';

-- On whose word a session was asked to stop: a fact, a person, or that its
-- repository is gone.
ALTER TABLE jobs ADD COLUMN cancel_word TEXT NOT NULL DEFAULT 'fact';

-- The oldest job of each repository is found without reading the others.
DROP INDEX jobs_waiting;
CREATE INDEX jobs_waiting ON jobs (repository, not_before) WHERE state = 'ready';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'leased';
-- The newest session of a subject, whatever its state.
CREATE INDEX jobs_by_subject ON jobs (subject);
CREATE INDEX jobs_by_repository ON jobs (repository);
