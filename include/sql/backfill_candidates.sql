-- Frames that a backfill may take, in the wanted order.
SELECT f.id, f.source_key, f.collection_id, f.bands, f.size, f.state, f.reason, f.recipe
FROM cogmill.frame AS f
WHERE f.collection_id IS NOT NULL
    AND (%(collection_ids)s::text[] = '{}' OR f.collection_id = ANY(%(collection_ids)s))
    AND starts_with(f.source_key, %(prefix)s)
    AND f.state = ANY(%(states)s)
ORDER BY
    CASE %(order)s WHEN 'smallest first' THEN f.size END,
    CASE %(order)s WHEN 'newest first' THEN f.uploaded_at END DESC,
    CASE %(order)s WHEN 'oldest first' THEN f.uploaded_at END,
    f.source_key;
