-- What a mapfile says about its collection, and a point inside its newest photograph for the proof. It costs the same however large
-- the collection is: no count, and of each index only an end.
SELECT ST_XMin(c.extent) AS xmin, ST_YMin(c.extent) AS ymin, ST_XMax(c.extent) AS xmax, ST_YMax(c.extent) AS ymax, days.*,
    EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.collection_id = c.id AND t.acquired IS NULL) AS undated,
    (
        SELECT ARRAY[ST_X(p.inside), ST_Y(p.inside)]
        FROM cogmill.tile_index AS t, ST_PointOnSurface(t.geom) AS p (inside)
        -- not `=`: then the primary key would give the order as well, and its other end may be far from this collection
        WHERE t.collection_id BETWEEN c.id AND c.id
        ORDER BY t.collection_id DESC, t.oid DESC LIMIT 1
    ) AS inside
FROM cogmill.collection AS c, LATERAL (
    SELECT min(t.acquired) AS first_day, max(t.acquired) AS last_day FROM cogmill.tile_index AS t WHERE t.collection_id = c.id
) AS days
WHERE c.id = %(collection_id)s;
