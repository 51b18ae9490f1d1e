-- Frames whose index row may have to change, with the key of their scan if there is one.
SELECT f.id, f.bands, f.cog_key, f.date, f.roll, f.frame_num, f.acquired_from, f.acquired_to, f.scan_stem,
    ST_AsBinary(f.footprint) AS footprint_wkb, (
    SELECT min(s.key) FROM cogmill.scan AS s
    WHERE s.collection_id = f.collection_id AND s.bands = f.bands AND s.stem = f.scan_stem
) AS scan_key
FROM cogmill.frame AS f
WHERE f.collection_id = %(collection_id)s AND (
    f.state = 'built'
    OR (f.state = 'published' AND (f.bands, f.scan_stem) IN (
        SELECT s.bands, s.stem FROM cogmill.scan AS s WHERE s.collection_id = %(collection_id)s AND NOT s.linked
    ))
)
ORDER BY f.cog_key;
