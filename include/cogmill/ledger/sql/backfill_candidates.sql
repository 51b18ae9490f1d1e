-- Frames that a backfill may take, in the wanted order: none whose name another frame has, and none of a service that was
-- withdrawn on purpose.
SELECT f.id, f.source_key, f.collection_id, f.bands, f.size, f.state, f.reason, f.recipe
FROM cogmill.frame AS f
JOIN cogmill.collection AS c ON c.id = f.collection_id AND c.unpublished_at IS NULL
WHERE NOT (f.state = 'rejected' AND EXISTS (
        SELECT FROM cogmill.frame AS o
        WHERE o.collection_id = f.collection_id AND o.bands = f.bands AND o.stem = f.stem AND o.id <> f.id
            AND o.state NOT IN ('rejected', 'withdrawn')
    ))
    AND (%(collection_ids)s::text[] = '{}' OR f.collection_id = ANY(%(collection_ids)s))
    AND starts_with(f.source_key, %(prefix)s)
    AND f.state = ANY(%(states)s)
ORDER BY
    CASE %(order)s WHEN 'smallest first' THEN f.size END,
    CASE %(order)s WHEN 'newest first' THEN f.uploaded_at END DESC,
    CASE %(order)s WHEN 'oldest first' THEN f.uploaded_at END,
    f.source_key;
