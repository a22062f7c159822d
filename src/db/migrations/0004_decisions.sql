-- A session is found by what its effects made: a pull request that a person
-- closed says what it thinks of the change.
CREATE INDEX session_events_results ON session_events (json_extract(body, '$.result')) WHERE name = 'effect';
