-- What untouched bases said, for sessions that would run the same again.
CREATE TABLE baselines (
    key        TEXT    PRIMARY KEY,      -- digest of tree, image, project, commands
    session    TEXT    NOT NULL,         -- the one that ran it; its log has the commands
    created_at INTEGER NOT NULL,
    results    TEXT    NOT NULL          -- JSON
) WITHOUT ROWID;

CREATE INDEX baselines_by_age ON baselines (created_at);
