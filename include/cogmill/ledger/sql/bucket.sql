-- Which bucket the ledger belongs to.

-- name: read_identity()
-- The ledger's own id, its bucket, and whether it takes over from the ledger that the bucket names.
SELECT id::text AS id, bucket, take_over FROM cogmill.identity;

-- name: bind_bucket(bucket)!
-- The first use of a ledger, or the first one after it was given to another bucket.
UPDATE cogmill.identity SET bucket = :bucket, take_over = false;

-- name: newest_cogs(at_most)
-- COGs that must be in the bucket; after a move to another one their frames wait to be published again.
SELECT cog_key FROM cogmill.frame WHERE state IN ('built', 'published') ORDER BY id DESC LIMIT :at_most;

-- name: give_to_bucket(bucket, take_over)
-- A person says that the archive is in another bucket now: the next runs write every index row, whose location names the bucket, and
-- the sweep looks at every key. What was found in the former bucket, and which scans were copied for the public, says nothing about this one.
WITH given AS (
    UPDATE cogmill.identity SET bucket = :bucket, take_over = :take_over
), swept AS (
    UPDATE cogmill.sweep SET watermark = '-infinity', full_at = '-infinity', reached = NULL
), forgotten AS (
    DELETE FROM cogmill.finding
), copies AS (
    DELETE FROM cogmill.public_document WHERE right(collection_id, 5) = '/open'
), again AS (
    UPDATE cogmill.frame SET state = 'built', next_try_at = now(), changed_at = now()
    WHERE state = 'published' AND EXISTS (SELECT FROM cogmill.identity AS i WHERE i.bucket IS DISTINCT FROM :bucket)
    RETURNING id
)
SELECT count(*) AS frames FROM again;
