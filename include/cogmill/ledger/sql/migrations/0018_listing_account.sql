-- What looking at the bucket has cost, so that the pause between two sweeps follows from it.
ALTER TABLE cogmill.sweep
    ADD COLUMN counted_at timestamptz,                    -- when requests were counted for the last time
    ADD COLUMN debt_s double precision NOT NULL DEFAULT 0,  -- seconds from then on until they are within the hourly budget
    ADD COLUMN wanted boolean NOT NULL DEFAULT false;       -- a sweep has seen something new and was not completed
