-- Failures in a row, and since when: the wait before the next try grows with them alone, and people hear of the first of them.

ALTER TABLE cogmill.frame
    ADD COLUMN failures integer NOT NULL DEFAULT 0,
    ADD COLUMN failing_since timestamptz;
UPDATE cogmill.frame SET failures = greatest(tries, 1), failing_since = changed_at WHERE state = 'failed' AND hold IS NULL;
