-- COGs that are gone or have another size although an index row or a frame names them, and those that were being put aside when
-- the run ended.
WITH wanted AS (
    SELECT substr(t.location, length(%(root)s) + 1) AS key, t.collection_id, NULL::bigint AS size
    FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid WHERE f.built_at < %(begun)s
    UNION ALL
    SELECT f.cog_key, f.collection_id, f.cog_size FROM cogmill.frame AS f
    WHERE f.state IN ('built', 'published') AND f.built_at < %(begun)s
)
INSERT INTO found
SELECT CASE WHEN l.key IS NULL THEN 'cog_missing' ELSE 'cog_damaged' END, w.key, min(w.collection_id),
    CASE WHEN l.key IS NULL THEN 'not in the bucket' ELSE 'it has ' || min(l.size) || ' bytes, not ' || min(w.size) END
FROM wanted AS w LEFT JOIN listed AS l ON l.key = w.key
WHERE l.key IS NULL OR l.size <> w.size
GROUP BY w.key, l.key
UNION ALL
SELECT 'cog_damaged', f.cog_key, f.collection_id, 'was being put aside'
FROM cogmill.frame AS f WHERE f.state = 'arrived' AND f.next_try_at = 'infinity' AND f.cog_key IS NOT NULL
ON CONFLICT DO NOTHING;
