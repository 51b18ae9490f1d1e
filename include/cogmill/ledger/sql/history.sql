-- Former revisions of a collection's index and the way back to one, and what runs reported.

-- name: previous_revision(collection_id)
-- The last revision that was public before the present one; for a service that is withdrawn, the last that was public at all.
SELECT c.revision AS present, p.revision, p.published_at
FROM cogmill.collection AS c LEFT JOIN LATERAL (
    SELECT revision, published_at FROM cogmill.publication
    WHERE collection_id = c.id AND (c.mapfile_sha256 IS NULL OR revision < c.mapfile_revision)
    ORDER BY revision DESC LIMIT 1
) AS p ON true
WHERE c.id = :collection_id;

-- name: former_rows(collection_id, revision)
-- Index rows that differ from a former revision, as they were then; without a COG they were not there.
SELECT DISTINCT ON (r.oid) r.oid, r.cog_key, f.source_key
FROM cogmill.former_row AS r JOIN cogmill.frame AS f ON f.id = r.oid
WHERE r.collection_id = :collection_id AND r.revision > :revision
ORDER BY r.oid, r.id;

-- name: restore_frames(collection_id, revision, detail)
-- Frames get back the COG that their former row names; those that had no row wait for a person, or for a new upload.
WITH former AS (
    SELECT DISTINCT ON (oid) oid, cog_key FROM cogmill.former_row
    WHERE collection_id = :collection_id AND revision > :revision ORDER BY oid, id
), back AS (
    UPDATE cogmill.frame AS f SET state = 'built', reason = NULL, detail = NULL, changed_at = now(), next_try_at = now(), hold = NULL,
        cog_key = g.key, cog_size = g.size, cog_sha256 = g.sha256, source_sha256 = g.source_sha256, recipe = g.recipe,
        footprint = g.footprint, width = g.width, height = g.height, gsd_m = g.gsd_m, source_crs = g.source_crs,
        transformation = g.transformation, cpu_s = g.cpu_s,
        collar_share = g.collar_share, adjustments = g.adjustments,
        shift_accuracy_m = g.shift_accuracy_m, missing_grids = g.missing_grids, audited_at = NULL
    FROM former AS o JOIN cogmill.former_cog AS g ON g.key = o.cog_key
    WHERE f.id = o.oid AND f.cog_key <> g.key AND f.state NOT IN ('arrived', 'building')
), same AS (
    UPDATE cogmill.frame AS f SET state = 'built', reason = NULL, detail = NULL, changed_at = now(), next_try_at = now(),
        hold = NULL
    FROM former AS o
    WHERE f.id = o.oid AND f.cog_key = o.cog_key AND f.state NOT IN ('arrived', 'building')
)
UPDATE cogmill.frame AS f SET state = 'failed', reason = NULL, changed_at = now(), next_try_at = now(),
    hold = 'rolled_back', detail = :detail
FROM former AS o
WHERE f.id = o.oid AND o.cog_key IS NULL AND f.state IN ('built', 'published');

-- name: restore_retired_cogs(collection_id, revision)
-- COGs that leave with the rollback begin their time; those that come back are wanted again.
WITH former AS (
    SELECT DISTINCT ON (oid) oid, cog_key FROM cogmill.former_row
    WHERE collection_id = :collection_id AND revision > :revision ORDER BY oid, id
), wanted AS (
    DELETE FROM cogmill.retired_cog AS r USING former AS o WHERE r.key = o.cog_key
)
INSERT INTO cogmill.retired_cog (key, frame_id)
SELECT t.cog_key, t.oid
FROM cogmill.tile_index AS t JOIN former AS o ON o.oid = t.oid
WHERE t.cog_key IS DISTINCT FROM o.cog_key
ON CONFLICT (key) DO UPDATE SET retired_at = now();

-- name: delete_newer_rows(collection_id, revision, present)
-- Rows that were not there in the former revision leave.
DELETE FROM cogmill.tile_index AS t USING (
    SELECT DISTINCT ON (oid) oid, location FROM cogmill.former_row
    WHERE collection_id = :collection_id AND revision > :revision AND revision <= :present ORDER BY oid, id
) AS o
WHERE t.oid = o.oid AND o.location IS NULL;

-- name: restore_rows(collection_id, revision, present)
-- Rows that were there in the former revision come back as they were.
INSERT INTO cogmill.tile_index AS t (
    oid, location, cog_key, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, geom, collection_id, acquired,
    shift_accuracy_m
)
SELECT oid, location, cog_key, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, geom, collection_id, acquired,
    shift_accuracy_m
FROM (
    SELECT DISTINCT ON (oid) * FROM cogmill.former_row
    WHERE collection_id = :collection_id AND revision > :revision AND revision <= :present ORDER BY oid, id
) AS o
WHERE location IS NOT NULL
ON CONFLICT (oid) DO UPDATE SET
    location = excluded.location, cog_key = excluded.cog_key, src_srs = excluded.src_srs, date = excluded.date,
    roll = excluded.roll, frame_num = excluded.frame_num, dl_orig = excluded.dl_orig, dl_georef = excluded.dl_georef,
    dl_index = excluded.dl_index, geom = excluded.geom, acquired = excluded.acquired,
    shift_accuracy_m = excluded.shift_accuracy_m;

-- name: end_withdrawal(collection_id)!
-- A service that was withdrawn on purpose may be published again. A run is asked for at the next look, whose overviews follow.
UPDATE cogmill.collection SET unpublished_at = NULL, triggered_at = NULL WHERE id = :collection_id;

-- name: forget_history(age_s)
-- Nothing reaches back further than the COGs of that time.
WITH rows AS (
    DELETE FROM cogmill.former_row WHERE changed_at < now() - make_interval(secs => :age_s) RETURNING collection_id, revision
), cogs AS (
    DELETE FROM cogmill.former_cog WHERE replaced_at < now() - make_interval(secs => :age_s)
), outlines AS (
    DELETE FROM cogmill.outlined_cog AS o
    WHERE NOT EXISTS (SELECT FROM cogmill.frame AS f WHERE f.cog_key = o.key)
        AND NOT EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.cog_key = o.key)
        AND NOT EXISTS (SELECT FROM cogmill.former_cog AS g WHERE g.key = o.key)
        AND NOT EXISTS (SELECT FROM cogmill.retired_cog AS r WHERE r.key = o.key)
)
DELETE FROM cogmill.publication AS p
USING (SELECT collection_id, max(revision) AS revision FROM rows GROUP BY collection_id) AS o
WHERE p.collection_id = o.collection_id AND p.revision < o.revision;

-- name: save_report(dag_id, run_id, report)!
-- What a run reported; a later report of the same run takes its place.
INSERT INTO cogmill.run_report (dag_id, run_id, report) VALUES (:dag_id, :run_id, :report::jsonb)
ON CONFLICT (dag_id, run_id) DO UPDATE SET report = excluded.report, at = now();

-- name: forget_planned_frames(dag_id, run_id)!
-- A plan that is made again replaces the frames of the former one.
DELETE FROM cogmill.planned_frame WHERE dag_id = :dag_id AND run_id = :run_id;

-- name: add_planned_frames(dag_id, run_id, rows)!
-- Frames that a backfill means to take, in the order in which it takes them.
INSERT INTO cogmill.planned_frame (dag_id, run_id, place, frame_id, why)
SELECT :dag_id, :run_id, place, frame_id, why
FROM jsonb_to_recordset(:rows::jsonb) AS r (place integer, frame_id bigint, why text);

-- name: forget_reports(days)!
-- Reports older than so many days, with their planned frames.
DELETE FROM cogmill.run_report WHERE at < now() - make_interval(days => :days);
