-- One page of collections in the order of their ids, each with its frames by state and one photograph to show.
SELECT c.id, c.service_name, c.published_at, c.mapfile_sha256 IS NOT NULL AS is_public, c.unpublished_at IS NOT NULL AS is_withdrawn,
    s.states, ARRAY[ST_XMin(p.geom), ST_YMin(p.geom), ST_XMax(p.geom), ST_YMax(p.geom)] AS sample
FROM (
    SELECT * FROM cogmill.collection AS k
    WHERE k.id > %(after)s AND (%(before)s::text IS NULL OR k.id < %(before)s)
        AND strpos(k.id, %(search)s) > 0
        AND CASE %(only)s
            WHEN '' THEN true
            WHEN 'not public' THEN k.mapfile_sha256 IS NULL
            WHEN 'waiting' THEN EXISTS (
                SELECT FROM cogmill.frame AS f WHERE f.collection_id = k.id AND f.state IN ('arrived', 'building', 'built')
            )
            ELSE EXISTS (SELECT FROM cogmill.frame AS f WHERE f.collection_id = k.id AND f.state = %(only)s)
        END
    ORDER BY CASE WHEN %(before)s::text IS NULL THEN k.id END, k.id DESC
    LIMIT %(at_most)s
) AS c
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(state, frames), '{}') AS states
    FROM (SELECT f.state, count(*) AS frames FROM cogmill.frame AS f WHERE f.collection_id = c.id GROUP BY f.state) AS g
) AS s
LEFT JOIN LATERAL (
    SELECT t.geom FROM cogmill.tile_index AS t WHERE t.collection_id = c.id ORDER BY t.location LIMIT 1
) AS p ON true
ORDER BY c.id;
