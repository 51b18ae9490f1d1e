-- Scans that are gone, and published frames without a scan.
INSERT INTO found
SELECT 'scan_gone', s.key, s.collection_id, 'its frames still link to it'
FROM cogmill.scan AS s
WHERE s.arrived_at < %(begun)s AND NOT EXISTS (SELECT FROM listed AS l WHERE l.key = s.key)
UNION ALL
SELECT 'scan_missing', f.source_key, f.collection_id, 'expected scanned/' || f.scan_stem || '.tif'
FROM cogmill.frame AS f
WHERE f.state = 'published' AND f.scan_stem IS NOT NULL AND NOT EXISTS (
    SELECT FROM cogmill.scan AS s
    WHERE s.collection_id = f.collection_id AND s.bands = f.bands AND s.stem = f.scan_stem
);
