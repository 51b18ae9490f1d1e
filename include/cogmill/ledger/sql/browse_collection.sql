-- One collection with its frames by state.
SELECT c.id, c.service_name, c.published_at, c.mapfile_sha256 IS NOT NULL AS is_public, c.unpublished_at IS NOT NULL AS is_withdrawn,
    ARRAY[ST_XMin(c.extent), ST_YMin(c.extent), ST_XMax(c.extent), ST_YMax(c.extent)] AS extent,
    (
        SELECT coalesce(jsonb_object_agg(state, frames), '{}')
        FROM (SELECT f.state, count(*) AS frames FROM cogmill.frame AS f WHERE f.collection_id = c.id GROUP BY f.state) AS g
    ) AS states,
    (SELECT ARRAY[ST_XMin(t.geom), ST_YMin(t.geom), ST_XMax(t.geom), ST_YMax(t.geom)]
        FROM cogmill.tile_index AS t WHERE t.collection_id = c.id ORDER BY t.location LIMIT 1) AS sample
FROM cogmill.collection AS c
WHERE c.id = %(collection_id)s;
