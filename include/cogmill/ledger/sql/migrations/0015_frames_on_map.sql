-- Frames that a map need not open, because others lie over them.

-- How well the outline of a COG tells which of its pixels are valid. COGs that were built before this was asked are not in here.
CREATE TABLE cogmill.outlined_cog (
    key      text PRIMARY KEY,
    margin_m double precision CHECK (margin_m > 0)  -- they differ only so close to the outline; null: elsewhere too, as with holes
);

-- The frames of a collection that a map of a rectangle (EPSG:3857) shows. A frame is left out where frames drawn after it hide all of
-- it, within its own day at least: `acquired` and `all_days` are filtered as those of `cogmill.overview` are, so that a map of one day
-- shows what another day hides. Outlines keep their margin from each other, and one per cent of the rectangle's width besides: pixels
-- at the edge of a frame are half transparent.
CREATE FUNCTION cogmill.frames_on_map(shown text, box geometry) RETURNS TABLE (
    oid bigint, location text, src_srs text, acquired date, all_days boolean, geom geometry
) LANGUAGE sql STABLE AS $$
    WITH near AS MATERIALIZED (
        SELECT t.oid, t.location, t.src_srs, t.acquired, t.geom, t.cog_key,
            row_number() OVER (ORDER BY t.location COLLATE "C") AS place, count(*) OVER () AS frames
        FROM cogmill.tile_index AS t
        WHERE t.collection_id = shown AND t.geom && box
    ), shape AS MATERIALIZED (
        SELECT n.*,
            ST_Intersection(ST_Buffer(n.geom, -m.margin_m, 'join=mitre'), box) AS hides,
            ST_Intersection(ST_Buffer(n.geom, m.margin_m, 'join=mitre'), box) AS hidden
        FROM near AS n
        LEFT JOIN cogmill.outlined_cog AS o ON o.key = n.cog_key AND n.frames <= 40  -- many frames: what is left out costs more than it saves
        CROSS JOIN LATERAL (SELECT o.margin_m + (ST_XMax(box) - ST_XMin(box)) / 100 AS margin_m) AS m
    )
    SELECT s.oid, s.location, s.src_srs, s.acquired, NOT coalesce(ST_Covers(above.every_day, s.hidden), false), s.geom
    FROM shape AS s CROSS JOIN LATERAL (
        SELECT ST_Union(a.hides) AS every_day, ST_Union(a.hides) FILTER (WHERE a.acquired = s.acquired) AS same_day
        FROM shape AS a WHERE a.place > s.place
    ) AS above
    WHERE NOT coalesce(ST_IsEmpty(s.hidden) OR ST_Covers(above.same_day, s.hidden), false)
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON cogmill.outlined_cog TO cogmill_writer;
GRANT SELECT ON cogmill.outlined_cog TO cogmill_reader;
