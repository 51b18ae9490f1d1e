-- What a mapfile says about its collection, and a point inside its newest photograph for the proof.
SELECT count(*) AS frames, count(acquired) AS dated, min(acquired) AS first_day, max(acquired) AS last_day,
    min(ST_XMin(geom)) AS xmin, min(ST_YMin(geom)) AS ymin, max(ST_XMax(geom)) AS xmax, max(ST_YMax(geom)) AS ymax,
    (
        SELECT ARRAY[ST_X(p.inside), ST_Y(p.inside)]
        FROM cogmill.tile_index AS t, ST_PointOnSurface(t.geom) AS p (inside)
        WHERE t.collection_id = %(collection_id)s
        ORDER BY t.oid DESC LIMIT 1
    ) AS inside
FROM cogmill.tile_index
WHERE collection_id = %(collection_id)s;
