-- Why a session was asked to stop; its worker decides whether it does.
ALTER TABLE jobs ADD COLUMN cancel TEXT;
-- It does: nothing but the last line of its log is left, so its subject is
-- free for another session.
ALTER TABLE jobs ADD COLUMN stopping INTEGER NOT NULL DEFAULT 0;

DROP INDEX jobs_one_per_subject;
CREATE UNIQUE INDEX jobs_one_per_subject ON jobs (subject) WHERE state != 'done' AND NOT stopping;
