-- Every service that is public now, with what its tile index says as a whole.
SELECT c.id, c.folder, c.agency, c.year, c.product, c.published_at, count(*) AS frames,
    array_agg(DISTINCT f.bands) AS bands, min(f.acquired_from) AS first_day, max(f.acquired_to) AS last_day,
    min(ST_XMin(t.geom)) AS xmin, min(ST_YMin(t.geom)) AS ymin, max(ST_XMax(t.geom)) AS xmax, max(ST_YMax(t.geom)) AS ymax
FROM cogmill.collection AS c
JOIN cogmill.tile_index AS t ON t.collection_id = c.id
JOIN cogmill.frame AS f ON f.id = t.oid
WHERE c.mapfile_sha256 IS NOT NULL
GROUP BY c.id
ORDER BY c.id COLLATE "C";
