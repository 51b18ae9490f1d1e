-- Cells of the overviews of collections.

-- name: overview_state(collection_id)
-- What a run of the overviews starts from. The changes since the cells were written can be told as long as the history of the
-- first of them is kept.
SELECT c.mapfile_sha256 IS NOT NULL AS public, c.revision, c.overview_revision, c.overview_levels AS levels,
    c.mapfile_levels, c.overview_revision = c.revision OR EXISTS (
        SELECT FROM cogmill.former_row AS r WHERE r.collection_id = c.id AND r.revision = c.overview_revision + 1
    ) AS traceable, (
        SELECT count(*) FROM cogmill.tile_index AS t WHERE t.collection_id = c.id
    ) AS frames, (
        SELECT count(*) FROM cogmill.former_row AS r WHERE r.collection_id = c.id AND r.revision > c.overview_revision
    ) AS changed, EXISTS (
        SELECT FROM cogmill.frame AS f
        WHERE f.collection_id = c.id AND f.hold IS NULL AND f.state IN ('arrived', 'failed') AND f.next_try_at <= now()
    ) AS more_to_come
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

-- name: retired_cells(keys)
-- Cells that are stored and not shown: they were shown before, or are to be shown by a run that goes on.
SELECT r.shown FROM cogmill.retired_overview AS r WHERE r.key = ANY(:keys) AND r.shown IS NOT NULL;

-- name: note_stored_cells(rows)!
-- Cells that are stored and not shown yet.
INSERT INTO cogmill.retired_overview (key, shown)
SELECT r ->> 'key', r FROM jsonb_array_elements(:rows::jsonb) AS r
WHERE NOT EXISTS (SELECT FROM cogmill.overview AS o WHERE o.key = r ->> 'key')
ON CONFLICT (key) DO UPDATE SET retired_at = now(), shown = EXCLUDED.shown;

-- name: delete_cells(oids)!
-- Cells that are not shown any more begin their grace period; what they show is kept, for a rollback.
WITH gone AS (
    DELETE FROM cogmill.overview AS o WHERE o.oid = ANY(:oids)
    RETURNING o.key, jsonb_build_object(
        'level', o.level, 'x', o.x, 'y', o.y, 'acquired', o.acquired, 'all_days', o.all_days, 'key', o.key,
        'size', o.size, 'sha256', o.sha256, 'west', ST_XMin(o.geom), 'south', ST_YMin(o.geom), 'east', ST_XMax(o.geom),
        'north', ST_YMax(o.geom)
    ) AS shown
)
INSERT INTO cogmill.retired_overview (key, shown)
SELECT key, shown FROM gone
ON CONFLICT (key) DO UPDATE SET retired_at = now(), shown = EXCLUDED.shown;

-- name: shown_cells(collection_id)
-- The numbers of the cells that are shown.
SELECT oid FROM cogmill.overview WHERE collection_id = :collection_id;

-- name: hold_retired_cells(keys)
-- Those of these cells that are retired; nobody deletes them before the end of the transaction.
SELECT r.key FROM cogmill.retired_overview AS r WHERE r.key = ANY(:keys) FOR UPDATE;

-- name: insert_cells(collection_id, root, rows)!
-- Cells that are shown from now on; those that were retired leave the list of what is to be deleted.
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

-- name: clear_cells(collection_id)
-- The collection shows no cells any more.
WITH cleared AS (
    UPDATE cogmill.collection SET overview_levels = '{}', overview_revision = 0 WHERE id = :collection_id
)
SELECT oid FROM cogmill.overview WHERE collection_id = :collection_id;

-- name: set_overview_revision(levels, revision, collection_id)
-- The cells show this revision of the tile index, unless another run has written newer ones, or the service was withdrawn.
UPDATE cogmill.collection SET overview_levels = :levels, overview_revision = :revision
WHERE id = :collection_id AND overview_revision <= :revision AND mapfile_sha256 IS NOT NULL
RETURNING id;

-- name: retire_unnamed_cells(keys)!
-- Objects below overviews/ that no row names begin their grace period: a run that was killed has stored them.
INSERT INTO cogmill.retired_overview (key)
SELECT k.key FROM unnest(:keys::text[]) AS k (key)
WHERE NOT EXISTS (SELECT FROM cogmill.overview AS o WHERE o.key = k.key)
ON CONFLICT (key) DO NOTHING;

-- name: cell_hashes(keys)
-- The sha256 that shown cells were stored with.
SELECT key, sha256 FROM cogmill.overview WHERE key = ANY(:keys);

-- name: forget_cells(keys)
-- Cells whose object is gone.
DELETE FROM cogmill.overview WHERE key = ANY(:keys) RETURNING key, collection_id;

-- name: update_overviews_again(collection_ids)!
-- The next run of these collections looks at every cell and builds what is missing; it is asked for at the next look.
UPDATE cogmill.collection SET overview_revision = 0, triggered_at = NULL WHERE id = ANY(:collection_ids);

-- name: due_cell_audit(nights)
-- The cells whose turn it is: those not read for longest, a fixed share of all.
SELECT key, sha256 FROM cogmill.overview
ORDER BY audited_at NULLS FIRST, oid
LIMIT (SELECT ceil(count(*) / :nights::numeric)::bigint FROM cogmill.overview);

-- name: mark_cells_audited(keys)!
-- These cells were read and are right.
UPDATE cogmill.overview SET audited_at = now() WHERE key = ANY(:keys);

-- name: forget_retired_cells(grace_s, at_most)
-- Retired cells whose time is up and that no row names again; what is returned is to be deleted.
DELETE FROM cogmill.retired_overview AS d USING (
    SELECT r.key FROM cogmill.retired_overview AS r
    WHERE r.retired_at <= now() - make_interval(secs => :grace_s)
        AND NOT EXISTS (SELECT FROM cogmill.overview AS o WHERE o.key = r.key)
    ORDER BY r.retired_at, r.key
    LIMIT :at_most
    FOR UPDATE SKIP LOCKED
) AS due
WHERE d.key = due.key
RETURNING d.key;
