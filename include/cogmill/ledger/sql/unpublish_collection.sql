-- Somebody deleted the mapfile: all frames leave, and their unchanged uploads are no news.
WITH frames AS (
    UPDATE cogmill.frame SET state = 'withdrawn', reason = NULL, detail = 'the mapfile was deleted', changed_at = now(),
        lease_owner = NULL, lease_until = NULL
    WHERE collection_id = %(collection_id)s AND state NOT IN ('withdrawn', 'rejected')
    RETURNING id
)
UPDATE cogmill.collection SET unpublished_at = now(), mapfile_sha256 = NULL, published_at = NULL
WHERE id = %(collection_id)s
RETURNING (SELECT count(*) FROM frames) AS frames;
