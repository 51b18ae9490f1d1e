-- Which bucket the ledger belongs to. Another one is refused until a person says so (`python -m cogmill.ledger.bucket`).

CREATE TABLE cogmill.identity (
    single    boolean PRIMARY KEY DEFAULT true CHECK (single),
    id        uuid NOT NULL DEFAULT gen_random_uuid(),  -- stands in the bucket too, so that a second ledger is noticed
    bucket    text,                                     -- null until the first use
    take_over boolean NOT NULL DEFAULT false            -- a person said that the ledger named in the bucket is gone
);
-- A ledger that is in use belongs to the bucket that most of its index rows name.
INSERT INTO cogmill.identity (bucket)
SELECT (
    SELECT split_part(location, '/', 3) FROM cogmill.tile_index
    WHERE location LIKE '/vsis3/%' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1
);
GRANT SELECT, UPDATE ON cogmill.identity TO cogmill_writer;
