-- What map hosts ask of tiles, at a cost that no extent makes large. The planner takes rows of the grid for millions and would have each
-- question compiled, which takes seconds; few are read.

-- As `tiles_of_collection`. A tile opens a cell of each collection that it meets, so the first zoom is the one from which on no tile
-- meets more than 24. Finer ones than 9, of 78 km, are not looked at: one frame in a wrong
-- place makes an extent of a million of them, and this is asked every two seconds.
CREATE OR REPLACE FUNCTION cogmill.tiles_of_year(wanted integer) RETURNS TABLE (
    version text, west double precision, south double precision, east double precision, north double precision,
    min_zoom integer, max_zoom integer, geom geometry
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cogmill, public, pg_temp SET jit = off AS $$
    WITH shown AS MATERIALIZED (
        SELECT c.id, cogmill.picture_version(c) AS version, ST_XMin(c.extent) AS west, ST_YMin(c.extent) AS south,
            ST_XMax(c.extent) AS east, ST_YMax(c.extent) AS north, (
                SELECT min(f.gsd_m) FROM cogmill.frame AS f
                WHERE f.collection_id = c.id AND f.gsd_m IS NOT NULL AND f.state NOT IN ('rejected', 'withdrawn')
            ) AS gsd_m
        FROM cogmill.collections_of_year(wanted) AS c
    ), crowded AS (
        SELECT z.zoom
        FROM shown AS s CROSS JOIN (
            SELECT zoom, 40075016.68557849 / 2 ^ zoom AS side_m FROM generate_series(0, 9) AS zoom
        ) AS z, generate_series(floor((s.west + 20037508.342789244) / z.side_m)::integer, floor((s.east + 20037508.342789244) / z.side_m)::integer) AS x,
            generate_series(floor((20037508.342789244 - s.north) / z.side_m)::integer, floor((20037508.342789244 - s.south) / z.side_m)::integer) AS y
        WHERE (SELECT count(*) FROM shown) > 24
        GROUP BY z.zoom, x, y HAVING count(*) > 24
    )
    SELECT md5(string_agg(s.id || ' ' || s.version, ',' ORDER BY s.id)), min(s.west), min(s.south), max(s.east), max(s.north),
        coalesce((SELECT max(zoom) FROM crowded) + 1, 0), cogmill.zoom_of(min(s.gsd_m)), ST_MakeEnvelope(-1, -1, 1, 1, 3857)
    FROM shown AS s
    HAVING count(*) > 0
$$;

ALTER FUNCTION cogmill.tiles_of_collection SET jit = off;
ALTER FUNCTION cogmill.archive_on_map SET jit = off;
