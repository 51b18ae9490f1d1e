-- A sweep of a large bucket is made in parts, so that notifications are read in between: where it is and what it has seen.
ALTER TABLE cogmill.sweep
    ADD COLUMN reached bytea,            -- last key whose page is in the ledger, in UTF-8; null when no sweep is under way. A key may hold what text cannot
    ADD COLUMN begun_at timestamptz,     -- when it began
    ADD COLUMN is_full boolean,          -- whether it compares every key
    ADD COLUMN newest timestamptz,       -- the newest object so far
    ADD COLUMN unsettled timestamptz;    -- the oldest upload so far that was too young to be judged
