-- Which of these (key, etag) the ledger has never seen. A withdrawn frame that is back counts as news, unless its whole service
-- was taken away on purpose: then only a new version is.
SELECT u.key
FROM unnest(%(keys)s::text[], %(etags)s::text[], %(modified)s::timestamptz[]) AS u (key, etag, modified)
WHERE NOT EXISTS (
    SELECT FROM cogmill.frame AS f LEFT JOIN cogmill.collection AS c ON c.id = f.collection_id
    WHERE f.source_key = u.key AND f.etag = u.etag AND (f.state <> 'withdrawn' OR c.unpublished_at IS NOT NULL)
) AND NOT EXISTS (
    -- also the same bytes again: S3 has forgotten who may read the scan. A HEAD tells the time in whole seconds.
    SELECT FROM cogmill.scan AS s
    WHERE s.key = u.key AND s.etag = u.etag AND s.uploaded_at > u.modified - interval '1 second'
);
