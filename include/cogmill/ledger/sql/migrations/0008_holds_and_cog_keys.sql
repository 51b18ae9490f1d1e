-- Why a frame is held back, in a column of its own, and the key of each index row's COG.

-- Until now a frame that no run should take had `next_try_at` = infinity, whatever the reason.
ALTER TABLE cogmill.frame ADD COLUMN hold text CHECK (hold IN ('rolled_back', 'quarantine'));
UPDATE cogmill.frame SET
    hold = CASE state WHEN 'failed' THEN 'rolled_back' WHEN 'arrived' THEN 'quarantine' END,
    next_try_at = changed_at
WHERE next_try_at = 'infinity';
ALTER TABLE cogmill.frame
    ADD CONSTRAINT frame_hold_state CHECK (hold IS NULL OR (hold, state) IN (('rolled_back', 'failed'), ('quarantine', 'arrived'))),
    ADD CONSTRAINT frame_next_try CHECK (isfinite(next_try_at));

DROP INDEX cogmill.frame_unfinished;
CREATE INDEX frame_unfinished ON cogmill.frame (next_try_at)
    WHERE state IN ('arrived', 'building', 'built', 'failed') AND hold IS NULL;

-- `location` is what MapServer reads and stays as it is; everything that looks for a COG goes by its key.
ALTER TABLE cogmill.tile_index
    ADD COLUMN cog_key text GENERATED ALWAYS AS (regexp_replace(location, '^/vsis3/[^/]+/', '')) STORED;
ALTER TABLE cogmill.former_row
    ADD COLUMN cog_key text GENERATED ALWAYS AS (regexp_replace(location, '^/vsis3/[^/]+/', '')) STORED;
