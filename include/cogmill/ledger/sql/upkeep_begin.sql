CREATE TEMPORARY TABLE IF NOT EXISTS listed (
    key text PRIMARY KEY, place text NOT NULL, etag text NOT NULL, size bigint NOT NULL, modified timestamptz NOT NULL
);
