-- The read side for people: pages of collections, frames and rejections, and where all of them lie.

-- name: collections_page(after, before, search, only, at_most)
-- One page of collections in the order of their ids, each with its frames by state.
SELECT c.id, c.service_name, c.published_at, c.mapfile_sha256 IS NOT NULL AS is_public, c.unpublished_at IS NOT NULL AS is_withdrawn,
    c.overview_revision > 0 AS has_picture, s.states
FROM (
    SELECT * FROM cogmill.collection AS k
    WHERE k.id > :after AND (:before::text IS NULL OR k.id < :before)
        AND strpos(k.id, :search) > 0
        AND CASE :only
            WHEN '' THEN true
            WHEN 'not public' THEN k.mapfile_sha256 IS NULL
            WHEN 'waiting' THEN EXISTS (
                SELECT FROM cogmill.frame AS f WHERE f.collection_id = k.id AND f.state IN ('arrived', 'building', 'built')
            )
            ELSE EXISTS (SELECT FROM cogmill.frame AS f WHERE f.collection_id = k.id AND f.state = :only)
        END
    ORDER BY CASE WHEN :before::text IS NULL THEN k.id END, k.id DESC
    LIMIT :at_most
) AS c
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(state, frames), '{}') AS states
    FROM (SELECT f.state, count(*) AS frames FROM cogmill.frame AS f WHERE f.collection_id = c.id GROUP BY f.state) AS g
) AS s
ORDER BY c.id;

-- name: collection_summary(collection_id)
-- One collection with its frames by state.
SELECT c.id, c.service_name, c.published_at, c.mapfile_sha256 IS NOT NULL AS is_public, c.unpublished_at IS NOT NULL AS is_withdrawn,
    ARRAY[ST_XMin(c.extent), ST_YMin(c.extent), ST_XMax(c.extent), ST_YMax(c.extent)] AS extent,
    c.overview_revision > 0 AS has_picture, (
        SELECT coalesce(jsonb_object_agg(state, frames), '{}')
        FROM (SELECT f.state, count(*) AS frames FROM cogmill.frame AS f WHERE f.collection_id = c.id GROUP BY f.state) AS g
    ) AS states
FROM cogmill.collection AS c
WHERE c.id = :collection_id;

-- name: frames_page(collection_id, state, after, before, search, at_most)
-- One page of a collection's frames in the order of their keys. Materialized, or the planner walks the keys of the whole archive.
WITH fitting AS MATERIALIZED (
    SELECT id, source_key FROM cogmill.frame
    WHERE collection_id = :collection_id AND (:state = '' OR state = :state)
        AND source_key > :after AND (:before::text IS NULL OR source_key < :before)
        AND strpos(lower(source_key), :search) > 0
), page AS (
    SELECT id FROM fitting
    ORDER BY CASE WHEN :before::text IS NULL THEN source_key END, source_key DESC
    LIMIT :at_most
)
SELECT id, collection_id, source_key, state, hold, reason, detail, next_try_at, size, arrived_at, changed_at, published_at, date, roll, frame_num,
    uploaded_at, cog_key, (
        SELECT min(d.first_seen) FROM cogmill.finding AS d WHERE d.kind IN ('source_missing', 'rejected_gone') AND d.subject = source_key
    ) AS deleted_at
FROM cogmill.frame JOIN page USING (id)
ORDER BY source_key;

-- name: rejections_page(changed_at, id, at_most)
-- One page of rejected uploads, the latest first, those without a collection included.
SELECT id, collection_id, source_key, state, hold, reason, detail, next_try_at, size, arrived_at, changed_at, published_at, date, roll, frame_num,
    uploaded_at, cog_key, (
        SELECT min(d.first_seen) FROM cogmill.finding AS d WHERE d.kind IN ('source_missing', 'rejected_gone') AND d.subject = source_key
    ) AS deleted_at
FROM cogmill.frame
WHERE state = 'rejected' AND (changed_at, id) < (:changed_at, :id)
ORDER BY changed_at DESC, id DESC
LIMIT :at_most;

-- name: frames_found(pattern, at_most)
-- Frames of the whole archive whose keys fit a pattern of LIKE, the latest upload first, whatever became of them.
WITH fitting AS MATERIALIZED (
    SELECT id FROM cogmill.frame WHERE lower(source_key) LIKE :pattern ORDER BY uploaded_at DESC, id LIMIT :at_most
)
SELECT id, collection_id, source_key, state, hold, reason, detail, next_try_at, size, arrived_at, changed_at, published_at, date, roll, frame_num,
    uploaded_at, cog_key, (
        SELECT min(d.first_seen) FROM cogmill.finding AS d WHERE d.kind IN ('source_missing', 'rejected_gone') AND d.subject = source_key
    ) AS deleted_at
FROM cogmill.frame JOIN fitting USING (id)
ORDER BY uploaded_at DESC, id;

-- name: scans_found(pattern, at_most)
-- Scans of the whole archive whose keys fit a pattern of LIKE, the latest upload first.
SELECT s.key, s.collection_id, s.size, s.uploaded_at, d.first_seen AS deleted_at, EXISTS (
        SELECT FROM cogmill.frame AS f
        WHERE f.collection_id = s.collection_id AND f.bands = s.bands AND f.scan_stem = s.stem AND f.state <> 'withdrawn'
    ) AS has_frame
FROM cogmill.scan AS s LEFT JOIN cogmill.finding AS d ON d.kind = 'scan_gone' AND d.subject = s.key
WHERE lower(s.key) LIKE :pattern
ORDER BY s.uploaded_at DESC, s.key
LIMIT :at_most;

-- name: finding_counts()
-- How much the last comparison of all layers found, by kind, and since when.
SELECT kind, count(*) AS findings, min(first_seen) AS since FROM cogmill.finding GROUP BY kind;

-- name: findings_page(kind, after, at_most)
-- One page of what the last comparison found of a kind, in the order of its subjects.
SELECT subject, collection_id, detail, first_seen FROM cogmill.finding
WHERE kind = :kind AND subject > :after
ORDER BY subject LIMIT :at_most;

-- name: collections_in_window(search, west, south, east, north, at_most)
-- Where the collections lie that meet a window, with what is wrong in them.
SELECT c.id, ARRAY[ST_XMin(c.extent), ST_YMin(c.extent), ST_XMax(c.extent), ST_YMax(c.extent)] AS extent,
    EXISTS (SELECT FROM cogmill.frame AS f WHERE f.collection_id = c.id AND f.state IN ('rejected', 'failed')) AS has_faults
FROM cogmill.collection AS c
WHERE c.extent IS NOT NULL AND strpos(c.id, :search) > 0
    AND c.extent::geometry && ST_MakeEnvelope(:west, :south, :east, :north)
ORDER BY c.id
LIMIT :at_most;

-- name: frames_in_window(tolerance, collection_id, west, south, east, north, at_most)
-- Outlines of one collection's photographs that meet a window, as coarse as the window allows.
SELECT f.id, f.stem, ST_AsGeoJSON(ST_SimplifyPreserveTopology(t.geom, :tolerance), 1) AS outline
FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid
WHERE t.collection_id = :collection_id
    AND t.geom && ST_MakeEnvelope(:west, :south, :east, :north, 3857)
LIMIT :at_most;
