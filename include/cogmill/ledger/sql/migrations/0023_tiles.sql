-- What the web server of a map host asks before it has a tile drawn: whether there is such a service, where it lies, and which
-- version of it is public. Map hosts may read the tile index alone, so the functions run with the permissions of the owner.

CREATE INDEX frame_finest ON cogmill.frame (collection_id, gsd_m) WHERE gsd_m IS NOT NULL AND state NOT IN ('rejected', 'withdrawn');

-- The zoom of the XYZ grid (256 px) at which a pixel is no larger than this, in EPSG:3857 meters; 24 where the size is not known.
CREATE FUNCTION cogmill.zoom_of(pixel_m double precision) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT least(greatest(coalesce(ceil(log(2, (156543.03392804097 / nullif(pixel_m, 0))::numeric) - 0.01), 24), 0), 24)::integer
$$;

-- What the picture of a service depends on, beside its mapfile: the rows of its index, and the cells of its overviews. Cells never
-- change, so their number and the newest of them say which they are.
CREATE FUNCTION cogmill.picture_version(shown cogmill.collection) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws('.', shown.revision, shown.overview_revision, count(*), max(o.oid))
    FROM cogmill.overview AS o WHERE o.collection_id = shown.id
$$;

-- One row for a public service, none for any other. Bounds in EPSG:3857 meters.
CREATE FUNCTION cogmill.tiles_of_collection(wanted text) RETURNS TABLE (
    version text, west double precision, south double precision, east double precision, north double precision,
    min_zoom integer, max_zoom integer, geom geometry
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cogmill, public, pg_temp AS $$
    SELECT cogmill.picture_version(c), ST_XMin(c.extent), ST_YMin(c.extent), ST_XMax(c.extent), ST_YMax(c.extent), 0, cogmill.zoom_of((
        SELECT min(f.gsd_m) FROM cogmill.frame AS f
        WHERE f.collection_id = c.id AND f.gsd_m IS NOT NULL AND f.state NOT IN ('rejected', 'withdrawn')
    )), ST_MakeEnvelope(-1, -1, 1, 1, 3857)
    FROM cogmill.collection AS c
    WHERE c.id = wanted AND c.mapfile_sha256 IS NOT NULL AND c.extent IS NOT NULL
$$;

-- Public services of photographs with one of this year, all of them or some. A photograph whose day is not known is of the year that
-- its collection is named after; sheets of an index are no photographs.
CREATE FUNCTION cogmill.collections_of_year(wanted integer) RETURNS SETOF cogmill.collection LANGUAGE sql STABLE AS $$
    SELECT c.* FROM cogmill.collection AS c
    WHERE c.mapfile_sha256 IS NOT NULL AND c.extent IS NOT NULL AND c.product <> 'index' AND (
        EXISTS (
            SELECT FROM cogmill.tile_index AS t
            WHERE t.collection_id = c.id AND t.acquired BETWEEN make_date(wanted, 1, 1) AND make_date(wanted, 12, 31)
        ) OR c.year = wanted::text AND EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.collection_id = c.id AND t.acquired IS NULL)
    )
$$;

-- What a map of a rectangle (EPSG:3857) shows of a year: cells of overviews where a collection has some that are no coarser than the
-- zoom, and frames where it has none. Where a collection holds other years too its pictures of single days serve, unless some day is
-- not known. Drawn in the order of `place`.
CREATE FUNCTION cogmill.archive_on_map(wanted integer, box geometry, zoom integer) RETURNS TABLE (
    oid bigint, location text, src_srs text, geom geometry, place bigint
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cogmill, public, pg_temp AS $$
    WITH near AS MATERIALIZED (
        SELECT c.id, c.product = 'frames' AS is_above, (SELECT min(l) FROM unnest(c.overview_levels) AS l WHERE l >= zoom) AS level,
            CASE WHEN days.undated THEN c.year = wanted::text
                ELSE extract(year FROM days.first_day) = wanted AND extract(year FROM days.last_day) = wanted END AS is_whole
        FROM cogmill.collections_of_year(wanted) AS c, LATERAL (
            SELECT min(t.acquired) AS first_day, max(t.acquired) AS last_day,
                EXISTS (SELECT FROM cogmill.tile_index AS u WHERE u.collection_id = c.id AND u.acquired IS NULL) AS undated
            FROM cogmill.tile_index AS t WHERE t.collection_id = c.id
        ) AS days
        WHERE ST_SetSRID(c.extent::geometry, 3857) && box
    )
    SELECT r.oid, r.location, r.src_srs, r.geom, row_number() OVER (
        ORDER BY n.is_above, n.id, CASE WHEN n.level IS NULL THEN 0 ELSE coalesce(r.acquired - date '1800-01-01', 0) END,
            r.location COLLATE "C"
    )
    FROM near AS n, LATERAL (
        SELECT o.oid, o.location, o.src_srs, o.acquired, o.all_days, o.geom
        FROM cogmill.overview AS o WHERE n.level IS NOT NULL AND o.collection_id = n.id AND o.level = n.level AND o.geom && box
        UNION ALL
        SELECT f.oid, f.location, f.src_srs, f.acquired, f.all_days, f.geom
        FROM cogmill.frames_on_map(n.id, box) AS f WHERE n.level IS NULL
    ) AS r
    WHERE CASE WHEN n.is_whole THEN r.all_days ELSE extract(year FROM r.acquired) = wanted END
$$;

-- As `tiles_of_collection`. A tile opens a cell of each collection that it meets, so the first zoom is the one from which on no tile
-- meets more than 24.
CREATE FUNCTION cogmill.tiles_of_year(wanted integer) RETURNS TABLE (
    version text, west double precision, south double precision, east double precision, north double precision,
    min_zoom integer, max_zoom integer, geom geometry
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cogmill, public, pg_temp AS $$
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
            SELECT zoom, 40075016.68557849 / 2 ^ zoom AS side_m FROM generate_series(0, 12) AS zoom
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
