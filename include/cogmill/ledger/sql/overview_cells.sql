-- Cells of the overviews of collections.

-- name: overview_state(collection_id, most)
-- What a run of the overviews starts from. The changes since the cells were written can be told as long as the history of the
-- first of them is kept.
SELECT c.revision, c.overview_revision, c.overview_levels AS levels, c.overview_revision = c.revision OR EXISTS (
        SELECT FROM cogmill.former_row AS r WHERE r.collection_id = c.id AND r.revision = c.overview_revision + 1
    ) AS traceable, (
        SELECT count(*) > :most FROM (
            SELECT FROM cogmill.tile_index AS t WHERE t.collection_id = c.id LIMIT :most + 1
        ) AS first
    ) AS wanted
FROM cogmill.collection AS c WHERE c.id = :collection_id;

-- name: typical_frame(collection_id)
-- Width and pixel size of the middle frame of a collection, in EPSG:3857 meters.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY f.width * f.gsd_m) AS width_m,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY f.gsd_m) AS gsd_m
FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid
WHERE t.collection_id = :collection_id;

-- name: changed_bounds(collection_id, revision)
-- Where index rows changed since a revision: the rectangles they had, and those they have now.
WITH changed AS (
    SELECT oid, geom FROM cogmill.former_row WHERE collection_id = :collection_id AND revision > :revision
), places AS (
    SELECT geom FROM changed WHERE geom IS NOT NULL
    UNION ALL
    SELECT t.geom FROM cogmill.tile_index AS t WHERE t.oid IN (SELECT oid FROM changed)
)
SELECT ST_XMin(geom) AS west, ST_YMin(geom) AS south, ST_XMax(geom) AS east, ST_YMax(geom) AS north FROM places;

-- name: all_bounds(collection_id)
-- The rectangle of every index row of a collection.
SELECT ST_XMin(geom) AS west, ST_YMin(geom) AS south, ST_XMax(geom) AS east, ST_YMax(geom) AS north
FROM cogmill.tile_index WHERE collection_id = :collection_id;

-- name: frames_in(collection_id, west, south, east, north)
-- Frames that reach into a rectangle, in the order in which MapServer draws them.
SELECT cog_key AS key, acquired, ST_XMin(geom) AS west, ST_YMin(geom) AS south, ST_XMax(geom) AS east, ST_YMax(geom) AS north
FROM cogmill.tile_index
WHERE collection_id = :collection_id AND geom && ST_MakeEnvelope(:west, :south, :east, :north, 3857)
ORDER BY location COLLATE "C";

-- name: overview_cells(collection_id)
-- Every cell of a collection.
SELECT oid, level, x, y, acquired, all_days, key,
    ST_XMin(geom) AS west, ST_YMin(geom) AS south, ST_XMax(geom) AS east, ST_YMax(geom) AS north
FROM cogmill.overview WHERE collection_id = :collection_id
ORDER BY level, y, x, acquired NULLS FIRST;

-- name: overview_levels(collection_id)
-- Levels of a collection, finest first.
SELECT overview_levels AS levels FROM cogmill.collection WHERE id = :collection_id;

-- name: delete_cells(oids)!
-- Cells that are not shown any more begin their grace period.
WITH gone AS (
    DELETE FROM cogmill.overview WHERE oid = ANY(:oids) RETURNING key
)
INSERT INTO cogmill.retired_overview (key)
SELECT key FROM gone
ON CONFLICT (key) DO UPDATE SET retired_at = now();

-- name: insert_cells(collection_id, root, rows)!
-- Cells that are shown from now on; one that was shown before is wanted again.
WITH added AS (
    INSERT INTO cogmill.overview (
        collection_id, level, x, y, acquired, all_days, key, location, src_srs, size, sha256, geom
    )
    SELECT :collection_id, r.level, r.x, r.y, r.acquired, r.all_days, r.key, :root || r.key, 'EPSG:3857', r.size, r.sha256,
        ST_MakeEnvelope(r.west, r.south, r.east, r.north, 3857)
    FROM jsonb_to_recordset(:rows::jsonb) AS r (
        level integer, x integer, y integer, acquired date, all_days boolean, key text, size bigint, sha256 text,
        west double precision, south double precision, east double precision, north double precision
    )
    RETURNING key
)
DELETE FROM cogmill.retired_overview AS r USING added AS a WHERE r.key = a.key;

-- name: set_overview_revision(levels, revision, collection_id)
-- The cells show this revision of the tile index, unless another run has written newer ones.
UPDATE cogmill.collection SET overview_levels = :levels, overview_revision = :revision
WHERE id = :collection_id AND overview_revision <= :revision
RETURNING id;

-- name: retire_unnamed_cells(keys)!
-- Objects below overviews/ that no row names begin their grace period: a run that was killed has stored them.
INSERT INTO cogmill.retired_overview (key)
SELECT k.key FROM unnest(:keys::text[]) AS k (key)
WHERE NOT EXISTS (SELECT FROM cogmill.overview AS o WHERE o.key = k.key)
ON CONFLICT (key) DO NOTHING;

-- name: forget_lost_cells(keys)
-- Rows whose object is not among these leave, and the next run of their collections builds what is missing.
WITH gone AS (
    DELETE FROM cogmill.overview AS o
    WHERE NOT EXISTS (SELECT FROM unnest(:keys::text[]) AS k (key) WHERE k.key = o.key)
        AND o.built_at < now() - interval '1 hour'
    RETURNING o.key, o.collection_id
), again AS (
    UPDATE cogmill.collection SET overview_revision = 0 WHERE id IN (SELECT collection_id FROM gone)
)
SELECT key FROM gone;

-- name: due_retired_cells(grace_s, at_most)
-- Cells whose time is up and that no row names again.
SELECT r.key FROM cogmill.retired_overview AS r
WHERE r.retired_at <= now() - make_interval(secs => :grace_s)
    AND NOT EXISTS (SELECT FROM cogmill.overview AS o WHERE o.key = r.key)
ORDER BY r.retired_at, r.key
LIMIT :at_most;

-- name: forget_retired_cells(keys)!
-- Retired cells that were deleted.
DELETE FROM cogmill.retired_overview WHERE key = ANY(:keys);
