-- Frames whose index row may have to change, with the key of their scan if there is one. Two index look-ups instead of one
-- condition with OR: that would read every frame of the collection.
WITH wanted AS (
    SELECT f.id FROM cogmill.frame AS f
    WHERE f.collection_id = %(collection_id)s AND f.state = 'built'
    UNION
    SELECT f.id FROM cogmill.scan AS s
    JOIN cogmill.frame AS f ON f.collection_id = s.collection_id AND f.bands = s.bands AND f.scan_stem = s.stem
    WHERE s.collection_id = %(collection_id)s AND NOT s.linked AND f.state = 'published'
)
SELECT f.id, f.bands, f.cog_key, f.date, f.roll, f.frame_num, f.acquired_from, f.acquired_to, f.scan_stem,
    ST_AsBinary(f.footprint) AS footprint_wkb, (
    SELECT min(s.key) FROM cogmill.scan AS s
    WHERE s.collection_id = f.collection_id AND s.bands = f.bands AND s.stem = f.scan_stem
) AS scan_key
FROM wanted JOIN cogmill.frame AS f USING (id)
ORDER BY f.cog_key;
