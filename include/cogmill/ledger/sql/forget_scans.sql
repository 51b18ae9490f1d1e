-- Scans that are gone; their frames lose the link with the next run.
WITH gone AS (
    DELETE FROM cogmill.scan WHERE key = ANY(%(keys)s) RETURNING collection_id, bands, stem
)
UPDATE cogmill.frame AS f SET state = 'built', next_try_at = now(), changed_at = now()
FROM gone AS g
WHERE f.collection_id = g.collection_id AND f.bands = g.bands AND f.scan_stem = g.stem AND f.state = 'published'
RETURNING f.collection_id;
