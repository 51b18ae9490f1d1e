-- Settled uploads the ledger does not know.
INSERT INTO found (kind, subject, detail)
SELECT 'upload_unknown', l.key, 'uploaded ' || l.modified
FROM listed AS l
WHERE l.place IN ('georef', 'scanned') AND l.modified < %(settled)s
    AND NOT EXISTS (
        SELECT FROM cogmill.frame AS f LEFT JOIN cogmill.collection AS c ON c.id = f.collection_id
        WHERE f.source_key = l.key AND f.etag = l.etag AND (f.state <> 'withdrawn' OR c.unpublished_at IS NOT NULL)
    )
    AND NOT EXISTS (SELECT FROM cogmill.scan AS s WHERE s.key = l.key AND s.etag = l.etag);
