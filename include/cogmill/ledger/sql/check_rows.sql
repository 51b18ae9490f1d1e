-- Published frames whose index row is missing or names another COG, and rows of withdrawn frames.
INSERT INTO found
SELECT 'row_missing', f.source_key, f.collection_id, coalesce('the row names ' || t.location, 'no row')
FROM cogmill.frame AS f LEFT JOIN cogmill.tile_index AS t ON t.oid = f.id
WHERE f.state = 'published' AND t.location IS DISTINCT FROM %(root)s || f.cog_key
UNION ALL
SELECT 'row_withdrawn', f.source_key, f.collection_id, t.location
FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid
WHERE f.state = 'withdrawn';
