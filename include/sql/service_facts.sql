-- What a mapfile says about its collection.
SELECT count(*) AS frames, min(acquired) AS first_day, max(acquired) AS last_day,
    min(ST_XMin(geom)) AS xmin, min(ST_YMin(geom)) AS ymin, max(ST_XMax(geom)) AS xmax, max(ST_YMax(geom)) AS ymax
FROM cogmill.tile_index
WHERE collection_id = %(collection_id)s;
