-- What a mapfile says about its collection, and points inside its newest photograph for the proof. It costs the same however large
-- the collection is: no count, and of each index only an end.
SELECT ST_XMin(c.extent) AS xmin, ST_YMin(c.extent) AS ymin, ST_XMax(c.extent) AS xmax, ST_YMax(c.extent) AS ymax, days.*,
    EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.collection_id = c.id AND t.acquired IS NULL) AS undated,
    (
        SELECT array_agg(ARRAY[ST_X(p.inside), ST_Y(p.inside)] ORDER BY p.place)
        FROM (
            SELECT t.geom FROM cogmill.tile_index AS t
            -- not `=`: then the primary key would give the order as well, and its other end may be far from this collection
            WHERE t.collection_id BETWEEN c.id AND c.id
            ORDER BY t.collection_id DESC, t.oid DESC LIMIT 1
        ) AS newest, LATERAL (
            SELECT 0 AS place, ST_PointOnSurface(newest.geom) AS inside
            UNION ALL
            -- more of them, always the same: a footprint goes round the holes and gaps of a picture
            SELECT d.path[1], d.geom FROM ST_Dump(ST_GeneratePoints(newest.geom, 15, 1)) AS d
        ) AS p
    ) AS inside
FROM cogmill.collection AS c, LATERAL (
    SELECT min(t.acquired) AS first_day, max(t.acquired) AS last_day FROM cogmill.tile_index AS t WHERE t.collection_id = c.id
) AS days
WHERE c.id = %(collection_id)s;
