-- Collections, their tile index, its revisions, and what was published.

-- name: all_collections()
-- Every collection as it was first written, in the order of the ids.
SELECT id, service_name, folder, agency, year, product FROM cogmill.collection ORDER BY id;

-- name: collection_state(collection_id)
-- One collection with its revisions, and whether some COG of it is not public yet.
SELECT folder, agency, year, product, revision, exported_revision, mapfile_revision, mapfile_sha256,
    EXISTS (SELECT FROM cogmill.frame AS f WHERE f.collection_id = c.id AND f.state = 'built') AS has_built
FROM cogmill.collection AS c WHERE id = :collection_id;

-- name: unlinked_scans(collection_id)
-- Scans that no index row has been asked about.
SELECT key FROM cogmill.scan WHERE collection_id = :collection_id AND NOT linked;

-- name: index_candidates(collection_id)
-- Frames whose index row may have to change, with the key of their scan if there is one. Two index look-ups instead of one
-- condition with OR: that would read every frame of the collection.
WITH wanted AS (
    SELECT f.id FROM cogmill.frame AS f
    WHERE f.collection_id = :collection_id AND f.state = 'built'
    UNION
    SELECT f.id FROM cogmill.scan AS s
    JOIN cogmill.frame AS f ON f.collection_id = s.collection_id AND f.bands = s.bands AND f.scan_stem = s.stem
    WHERE s.collection_id = :collection_id AND NOT s.linked AND f.state = 'published'
)
SELECT f.id, f.bands, f.cog_key, f.date, f.roll, f.frame_num, f.acquired_from, f.acquired_to, f.scan_stem,
    ST_AsBinary(f.footprint) AS footprint_wkb, (
    SELECT min(s.key) FROM cogmill.scan AS s
    WHERE s.collection_id = f.collection_id AND s.bands = f.bands AND s.stem = f.scan_stem
) AS scan_key
FROM wanted JOIN cogmill.frame AS f USING (id)
ORDER BY f.cog_key;

-- name: lock_collection(collection_id)
-- Order concurrent changes of one collection; the lock ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('cogmill ' || :collection_id, 0));

-- name: lock_export(collection_id)
-- Order concurrent exports of one collection; the lock ends with the connection at the latest.
SELECT pg_advisory_lock(hashtextextended('cogmill export ' || :collection_id, 0));

-- name: unlock_export(collection_id)
-- The export is done.
SELECT pg_advisory_unlock(hashtextextended('cogmill export ' || :collection_id, 0));

-- name: withdraw_superseded(collection_id)!
-- An adopted COG leaves in the transaction in which the COG of its upload comes, and not before: the upload might be rejected.
UPDATE cogmill.frame AS o SET state = 'withdrawn', reason = NULL, detail = 'its upload ' || f.source_key || ' takes its place',
    changed_at = now(), hold = NULL, lease_owner = NULL, lease_until = NULL
FROM cogmill.frame AS f
WHERE f.collection_id = :collection_id AND f.state = 'built' AND f.adopted IS NULL
    AND o.collection_id = f.collection_id AND o.bands = f.bands AND o.stem = f.stem
    AND o.adopted IS NOT NULL AND o.state <> 'withdrawn';

-- name: delete_withdrawn_rows(collection_id)
-- A row leaves the index before its COG is retired, in the same transaction.
WITH gone AS (
    DELETE FROM cogmill.tile_index AS t USING cogmill.frame AS f
    WHERE t.oid = f.id AND f.collection_id = :collection_id AND f.state = 'withdrawn'
    RETURNING t.oid, t.cog_key
), retired AS (
    INSERT INTO cogmill.retired_cog (key, frame_id)
    SELECT cog_key, oid FROM gone
    ON CONFLICT (key) DO UPDATE SET retired_at = now()
)
SELECT oid FROM gone;

-- name: retire_replaced_cogs(rows)
-- COGs whose row is about to name another one begin their grace period.
INSERT INTO cogmill.retired_cog (key, frame_id)
SELECT t.cog_key, t.oid
FROM cogmill.tile_index AS t
JOIN jsonb_to_recordset(:rows::jsonb) AS r (oid bigint, location text) ON r.oid = t.oid
JOIN cogmill.frame AS f ON f.id = r.oid AND f.state IN ('built', 'published') AND right(r.location, length(f.cog_key) + 1) = '/' || f.cog_key
WHERE r.location <> t.location
ON CONFLICT (key) DO UPDATE SET retired_at = now();

-- name: upsert_index_rows(rows)
-- Geometry goes from ledger to index inside the database. Rows that say the same already are not touched, and none is written whose frame
-- was withdrawn, or got another COG, since it was read.
INSERT INTO cogmill.tile_index AS t (
    oid, location, cog_key, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, geom, collection_id, acquired,
    shift_accuracy_m
)
SELECT r.oid, r.location, f.cog_key, r.src_srs, r.date, r.roll, r.frame_num, r.dl_orig, r.dl_georef, r.dl_index,
    f.footprint, f.collection_id, r.acquired, f.shift_accuracy_m
FROM jsonb_to_recordset(:rows::jsonb) AS r (
    oid bigint, location text, src_srs text, date text, roll text, frame_num text,
    dl_orig text, dl_georef text, dl_index text, acquired date
)
JOIN cogmill.frame AS f ON f.id = r.oid AND f.state IN ('built', 'published')
    AND right(r.location, length(f.cog_key) + 1) = '/' || f.cog_key
ON CONFLICT (oid) DO UPDATE SET
    location = excluded.location, cog_key = excluded.cog_key, src_srs = excluded.src_srs, date = excluded.date, roll = excluded.roll,
    frame_num = excluded.frame_num, dl_orig = excluded.dl_orig, dl_georef = excluded.dl_georef,
    dl_index = excluded.dl_index, geom = excluded.geom, acquired = excluded.acquired,
    shift_accuracy_m = excluded.shift_accuracy_m
WHERE (t.location, t.src_srs, t.date, t.roll, t.frame_num, t.dl_georef, t.dl_index)
        <> (excluded.location, excluded.src_srs, excluded.date, excluded.roll, excluded.frame_num,
            excluded.dl_georef, excluded.dl_index)
    OR (t.cog_key, t.dl_orig, t.acquired, t.shift_accuracy_m)
        IS DISTINCT FROM (excluded.cog_key, excluded.dl_orig, excluded.acquired, excluded.shift_accuracy_m)
    OR NOT ST_OrderingEquals(t.geom, excluded.geom)
RETURNING t.oid;

-- name: link_scans(keys)!
-- Only the scans that were there when the rows were read: one that came since is still to be linked.
UPDATE cogmill.scan SET linked = true WHERE key = ANY(:keys);

-- name: advance_revision(collection_id)!
-- Count one change of the tile index.
UPDATE cogmill.collection SET revision = revision + 1 WHERE id = :collection_id;

-- name: indexed_bands(collection_id)
-- Bands folders that have frames in the tile index.
SELECT DISTINCT f.bands
FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid
WHERE t.collection_id = :collection_id
ORDER BY f.bands;

-- name: index_rows(collection_id, bands)
-- Index rows of one bands folder in drawing order.
SELECT t.oid, t.location, t.src_srs, t.date, t.roll, t.frame_num, t.dl_orig, t.dl_georef, t.dl_index,
    ST_AsBinary(t.geom) AS geom_wkb, t.acquired
FROM cogmill.tile_index AS t
JOIN cogmill.frame AS f ON f.id = t.oid
WHERE t.collection_id = :collection_id AND f.bands = :bands
ORDER BY t.location;

-- name: service_facts(collection_id)
-- What a mapfile says about its collection, and points inside its newest photograph to verify the service by. It costs the same however large
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
WHERE c.id = :collection_id;

-- name: set_exported_revision(revision, collection_id)!
-- Remember which revision the downloadable index files show; -1 shows none.
UPDATE cogmill.collection SET exported_revision = :revision WHERE id = :collection_id;

-- name: mark_published(collection_id, revision, sha256, levels)
-- The mapfile that shows this revision and draws these levels of overviews is out: its frames are public. The moment stays what it was
-- where nothing has changed.
WITH shown AS (
    UPDATE cogmill.frame AS f SET state = 'published', published_at = now(), changed_at = now()
    FROM cogmill.tile_index AS t
    WHERE f.collection_id = :collection_id AND f.state = 'built' AND t.oid = f.id AND t.cog_key = f.cog_key
    RETURNING f.id
)
UPDATE cogmill.collection SET mapfile_sha256 = :sha256, mapfile_revision = :revision, mapfile_levels = :levels,
    published_at = CASE
        WHEN mapfile_sha256 = :sha256 AND mapfile_revision = :revision AND NOT EXISTS (SELECT FROM shown) THEN published_at
        ELSE now()
    END, publish_failures = 0, publish_after = NULL
WHERE id = :collection_id
RETURNING (SELECT count(*) FROM shown) AS frames;

-- name: mark_unpublishable(collection_id)!
-- The service cannot be published as it is: frames and overviews that only wait for that ask for a run after 5 minutes, 10, 20 and so on,
-- at most six hours. New uploads ask for one at once, and with it the service is tried too.
UPDATE cogmill.collection SET publish_failures = publish_failures + 1,
    publish_after = now() + least(interval '6 hours', interval '5 minutes' * 2 ^ least(publish_failures, 10))
WHERE id = :collection_id;

-- name: mark_withdrawn(collection_id)!
-- The mapfile was taken away because the collection has nothing to show.
UPDATE cogmill.collection SET mapfile_sha256 = NULL, mapfile_revision = revision, published_at = NULL
WHERE id = :collection_id;

-- name: digest(since, much, collection_id)
-- What became of a collection since a moment, and which of its frames have no scan.
SELECT
    count(*) FILTER (WHERE state = 'published' AND published_at >= :since) AS published,
    count(*) FILTER (WHERE state = 'published') AS total,
    coalesce(jsonb_agg(jsonb_build_object('key', source_key, 'reason', reason, 'detail', detail) ORDER BY source_key)
        FILTER (WHERE state = 'rejected' AND changed_at >= :since), '[]') AS rejected,
    coalesce(jsonb_agg(jsonb_build_object('key', source_key, 'detail', detail, 'next_try_at', next_try_at, 'failures', failures,
            'tried', changed_at >= :since, 'first', coalesce(failing_since, changed_at) >= :since) ORDER BY source_key)
        FILTER (WHERE state = 'failed' AND hold IS NULL), '[]') AS failed,
    coalesce(jsonb_agg(jsonb_build_object('key', source_key, 'hold', hold, 'detail', detail) ORDER BY source_key)
        FILTER (WHERE hold IS NOT NULL OR (state = 'arrived' AND detail IS NOT NULL)), '[]') AS held,
    coalesce(jsonb_agg(jsonb_build_object('key', source_key, 'bands', bands, 'scan_stem', scan_stem) ORDER BY source_key)
        FILTER (WHERE state = 'published' AND published_at >= :since AND scan_stem IS NOT NULL AND NOT EXISTS (
            SELECT FROM cogmill.scan AS s
            WHERE s.collection_id = f.collection_id AND s.bands = f.bands AND s.stem = f.scan_stem
        )), '[]') AS missing_scans,
    coalesce(jsonb_agg(jsonb_build_object('key', source_key, 'share', collar_share) ORDER BY source_key)
        FILTER (WHERE state = 'published' AND published_at >= :since AND collar_share >= :much), '[]') AS much_cut
FROM cogmill.frame AS f
WHERE collection_id = :collection_id;
