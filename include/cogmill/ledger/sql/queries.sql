-- Counts of the whole archive, everything that is public now, and the static files that say so.

-- name: count_states()
-- How many frames are in each state, over the whole archive.
SELECT state, count(*) AS frames FROM cogmill.frame GROUP BY state;

-- name: queue()
-- Frames that are not done, and the age of the oldest. Those that are held back are not counted.
SELECT count(*) AS frames, coalesce(extract(epoch FROM now() - min(arrived_at)), 0)::double precision AS age_s
FROM cogmill.frame
WHERE state IN ('arrived', 'building', 'built', 'failed') AND hold IS NULL;

-- name: publication_latencies(collection_id, since, at_most)
-- From the end of the upload to the map.
SELECT greatest(extract(epoch FROM published_at - uploaded_at), 0)::double precision AS latency_s
FROM cogmill.frame
WHERE collection_id = :collection_id AND state = 'published' AND published_at >= :since
ORDER BY published_at DESC
LIMIT :at_most;

-- name: missing_grids()
-- Frames on the map, or on their way there, that were placed without a grid, by its name; reads an index of those alone.
SELECT grid, count(*) AS frames
FROM cogmill.frame AS f CROSS JOIN unnest(f.missing_grids) AS grid
WHERE f.missing_grids IS NOT NULL AND f.state IN ('built', 'published')
GROUP BY grid ORDER BY grid;

-- name: cog_keys(ids)
-- COG keys of those of some frames that have a COG.
SELECT source_key, cog_key FROM cogmill.frame WHERE id = ANY(:ids) AND cog_key IS NOT NULL ORDER BY source_key;

-- name: public_services()
-- Every service that is public now, with what its tile index says as a whole.
SELECT c.id, c.folder, c.agency, c.year, c.product, c.published_at, count(*) AS frames,
    array_agg(DISTINCT f.bands) AS bands, min(f.acquired_from) AS first_day, max(f.acquired_to) AS last_day,
    min(ST_XMin(t.geom)) AS xmin, min(ST_YMin(t.geom)) AS ymin, max(ST_XMax(t.geom)) AS xmax, max(ST_YMax(t.geom)) AS ymax
FROM cogmill.collection AS c
JOIN cogmill.tile_index AS t ON t.collection_id = c.id
JOIN cogmill.frame AS f ON f.id = t.oid
WHERE c.mapfile_sha256 IS NOT NULL
GROUP BY c.id
ORDER BY c.id COLLATE "C";

-- name: public_frames(collection_id)
-- The footprints of one public service in longitude and latitude; null for one outside the square world of EPSG:3857, which
-- PROJ would quietly fold back into it.
SELECT t.dl_orig, t.dl_georef, t.dl_index, t.date, t.roll, t.frame_num, t.acquired, t.shift_accuracy_m,
    CASE WHEN t.geom @ ST_MakeEnvelope(-20037509, -20037509, 20037509, 20037509, 3857)
        THEN ST_AsBinary(ST_Transform(t.geom, 4326)) END AS geom_wkb
FROM cogmill.tile_index AS t
WHERE t.collection_id = :collection_id
ORDER BY t.location COLLATE "C";

-- name: lost_statement(own, pid)
-- Whether the server runs no statement of the process `pid`; unknown, so false, behind a pooler, where not even the own number is right.
SELECT pg_backend_pid() = :own
    AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = :pid AND state = 'active') AS lost;

-- name: lock_public_documents(collection_id)
-- Order concurrent writers of the documents of one collection, or of the archive; the lock ends with the connection at the latest.
SELECT pg_advisory_lock(hashtextextended('cogmill public ' || :collection_id, 0));

-- name: unlock_public_documents(collection_id)
-- The documents are written.
SELECT pg_advisory_unlock(hashtextextended('cogmill public ' || :collection_id, 0));

-- name: public_facts(collection_id)
-- A collection, whether its service is public, and the extent of its index.
SELECT c.folder, c.agency, c.year, c.product, c.revision, c.mapfile_sha256 IS NOT NULL AND c.extent IS NOT NULL AS public,
    ST_XMin(c.extent) AS xmin, ST_YMin(c.extent) AS ymin, ST_XMax(c.extent) AS xmax, ST_YMax(c.extent) AS ymax
FROM cogmill.collection AS c WHERE c.id = :collection_id;

-- name: published_photographs(collection_id)
-- What is on the map of a collection, in drawing order. Where a frame has been built anew and the map still shows its former COG, that
-- one is described. The outline is null for one outside the square world of EPSG:3857, which PROJ would quietly fold back into it.
SELECT f.bands, f.stem, t.date, t.roll, t.frame_num, f.acquired_from, f.acquired_to, f.uploaded_at, t.cog_key,
    CASE WHEN f.cog_key = t.cog_key THEN f.cog_size ELSE o.size END AS cog_size,
    CASE WHEN f.cog_key = t.cog_key THEN f.cog_sha256 ELSE o.sha256 END AS cog_sha256,
    CASE WHEN f.cog_key = t.cog_key THEN f.width ELSE o.width END AS width,
    CASE WHEN f.cog_key = t.cog_key THEN f.height ELSE o.height END AS height,
    CASE WHEN f.cog_key = t.cog_key THEN f.gsd_m ELSE o.gsd_m END AS gsd_m,
    CASE WHEN f.cog_key = t.cog_key THEN f.source_crs ELSE o.source_crs END AS source_crs,
    CASE WHEN f.cog_key = t.cog_key THEN f.adjustments ELSE o.adjustments END AS adjustments,
    t.shift_accuracy_m, g.transform, g.texts, s.key AS scan_key, s.size AS scan_size,
    ST_XMin(t.geom) AS xmin, ST_YMin(t.geom) AS ymin, ST_XMax(t.geom) AS xmax, ST_YMax(t.geom) AS ymax,
    CASE WHEN t.geom @ ST_MakeEnvelope(-20037509, -20037509, 20037509, 20037509, 3857)
        THEN ST_AsBinary(ST_Transform(t.geom, 4326)) END AS outline_wkb
FROM cogmill.tile_index AS t
JOIN cogmill.frame AS f ON f.id = t.oid
LEFT JOIN cogmill.outlined_cog AS g ON g.key = t.cog_key
LEFT JOIN cogmill.former_cog AS o ON o.key = t.cog_key AND o.key IS DISTINCT FROM f.cog_key
LEFT JOIN LATERAL (
    SELECT s.key, s.size FROM cogmill.scan AS s
    WHERE s.collection_id = f.collection_id AND s.bands = f.bands AND s.stem = f.scan_stem AND t.dl_orig IS NOT NULL
    ORDER BY s.key LIMIT 1
) AS s ON true
WHERE t.collection_id = :collection_id
ORDER BY t.location COLLATE "C";

-- name: sample_links(collection_id)
-- Links of the photograph that came last. By a range, whose order is that of the index: with `=` the planner may walk the whole archive
-- from its newest row back to one of this collection.
SELECT unnest(ARRAY[dl_orig, dl_georef, dl_index]) AS link FROM (
    SELECT t.* FROM cogmill.tile_index AS t WHERE t.collection_id BETWEEN :collection_id AND :collection_id
    ORDER BY t.collection_id DESC, t.oid DESC LIMIT 1
) AS newest;

-- name: sample_documents(collection_id, at_most)
-- Keys of some documents of a collection, or of the archive.
SELECT key FROM cogmill.public_document WHERE collection_id = :collection_id ORDER BY length(key), key LIMIT :at_most;

-- name: stored_public_documents(collection_id)
-- Documents of a collection, or of the archive, that are in the bucket.
SELECT key, sha256, made_of FROM cogmill.public_document WHERE collection_id = :collection_id ORDER BY key;

-- name: note_public_documents(collection_id, rows)!
-- Documents that were stored.
INSERT INTO cogmill.public_document (key, collection_id, sha256, size, made_of)
SELECT r.key, :collection_id, r.sha256, r.size, r.made_of
FROM jsonb_to_recordset(:rows::jsonb) AS r (key text, sha256 text, size bigint, made_of text)
ON CONFLICT (key) DO UPDATE SET collection_id = excluded.collection_id, sha256 = excluded.sha256, size = excluded.size,
    made_of = excluded.made_of, stored_at = now();

-- name: note_made_of(rows)!
-- Documents that have the same bytes, made of something else.
UPDATE cogmill.public_document AS d SET made_of = r.made_of
FROM jsonb_to_recordset(:rows::jsonb) AS r (key text, made_of text) WHERE d.key = r.key;

-- name: forget_public_documents(keys)!
-- Documents that are no longer in the bucket.
DELETE FROM cogmill.public_document WHERE key = ANY(:keys);

-- name: forget_public_hashes(collection_id)!
-- Whatever is in the bucket of a collection, or of the archive, is stored again.
UPDATE cogmill.public_document SET sha256 = '', made_of = NULL WHERE collection_id IN (
    :collection_id, :collection_id || '/scans', :collection_id || '/open'
);

-- name: scan_copies(collection_id, mark)
-- Where the copies of a collection's scans differ from what the public is to have: scans of frames that are on the map or about to be,
-- and scans without a frame. Without `copy` or of another version: to be copied; without `key`: to be deleted.
WITH wanted AS (
    SELECT s.key, s.etag, s.size, s.arrived_at FROM cogmill.scan AS s
    WHERE s.collection_id = :collection_id AND (EXISTS (
        SELECT FROM cogmill.frame AS f LEFT JOIN cogmill.tile_index AS t ON t.oid = f.id
        WHERE f.collection_id = s.collection_id AND f.bands = s.bands AND f.scan_stem = s.stem
            AND (f.state IN ('built', 'published') OR t.oid IS NOT NULL)
    ) OR EXISTS (SELECT FROM cogmill.lone_scan AS l WHERE l.key = s.key))
), present AS (
    SELECT d.key, d.made_of FROM cogmill.public_document AS d WHERE d.collection_id = :collection_id || '/open'
)
SELECT w.key, w.etag, w.size, w.arrived_at, p.key AS copy
FROM wanted AS w FULL JOIN present AS p ON p.key = :mark || w.key
WHERE w.etag IS DISTINCT FROM p.made_of
ORDER BY coalesce(p.key, :mark || w.key);

-- name: set_public_entry(collection_id, entry)!
-- What the list of services says about a collection; nothing when it is not public.
WITH gone AS (
    DELETE FROM cogmill.public_entry WHERE collection_id = :collection_id AND :entry::jsonb IS NULL
)
INSERT INTO cogmill.public_entry (collection_id, entry)
SELECT :collection_id, e FROM jsonb_array_elements(:entry::jsonb) AS e
ON CONFLICT (collection_id) DO UPDATE SET entry = excluded.entry;

-- name: set_scan_entry(collection_id, entry)!
-- What the list of lone scans says about a collection; nothing when it has none.
WITH gone AS (
    DELETE FROM cogmill.scan_entry WHERE collection_id = :collection_id AND :entry::jsonb IS NULL
)
INSERT INTO cogmill.scan_entry (collection_id, entry)
SELECT :collection_id, e FROM jsonb_array_elements(:entry::jsonb) AS e
ON CONFLICT (collection_id) DO UPDATE SET entry = excluded.entry;

-- name: scan_entries()
-- The entries of all collections with lone scans.
SELECT entry FROM cogmill.scan_entry ORDER BY collection_id COLLATE "C";

-- name: public_entries()
-- The entries of all public collections.
SELECT entry FROM cogmill.public_entry ORDER BY collection_id COLLATE "C";
