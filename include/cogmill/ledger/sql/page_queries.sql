-- The read side for people: pages of collections, frames, rejections and findings, and where all of them lie.

-- name: collections_page(search, only, sort, descending, states, skip, at_most)
-- One page of collections, each with its frames by state. Sorted by the number of frames in some states, it reads only their part of an
-- index; without `states` it counts nothing.
SELECT c.id, c.service_name, c.published_at, c.mapfile_sha256 IS NOT NULL AS is_public, c.unpublished_at IS NOT NULL AS is_withdrawn,
    c.overview_revision > 0 AS has_picture, s.states
FROM (
    SELECT k.*, row_number() OVER (
        ORDER BY CASE WHEN :descending THEN -r.rank ELSE r.rank END NULLS LAST,
            CASE WHEN :descending AND :sort = 'name' THEN k.id END DESC, k.id
    ) AS place
    FROM cogmill.collection AS k CROSS JOIN LATERAL (
        SELECT CASE
            WHEN :sort = 'published' THEN extract(epoch FROM k.published_at)::double precision
            WHEN cardinality(:states::text[]) > 0 THEN (
                SELECT count(*) FROM cogmill.frame AS f WHERE f.collection_id = k.id AND f.state = ANY(:states)
            )::double precision
        END AS rank
    ) AS r
    WHERE strpos(k.id, :search) > 0
        AND CASE :only
            WHEN '' THEN true
            WHEN 'not public' THEN k.mapfile_sha256 IS NULL
            WHEN 'waiting' THEN EXISTS (
                SELECT FROM cogmill.frame AS f WHERE f.collection_id = k.id AND f.state IN ('arrived', 'building', 'built')
            )
            ELSE EXISTS (SELECT FROM cogmill.frame AS f WHERE f.collection_id = k.id AND f.state = :only)
        END
    ORDER BY place
    LIMIT :at_most OFFSET :skip
) AS c
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(state, frames), '{}') AS states
    FROM (SELECT f.state, count(*) AS frames FROM cogmill.frame AS f WHERE f.collection_id = c.id GROUP BY f.state) AS g
) AS s
ORDER BY c.place;

-- name: collection_summary(collection_id)
-- One collection with its frames by state, its scans and its overviews.
SELECT c.id, c.service_name, c.published_at, c.mapfile_sha256 IS NOT NULL AS is_public, c.unpublished_at IS NOT NULL AS is_withdrawn,
    ARRAY[ST_XMin(c.extent), ST_YMin(c.extent), ST_XMax(c.extent), ST_YMax(c.extent)] AS extent,
    c.overview_revision > 0 AS has_picture, (
        SELECT coalesce(jsonb_object_agg(state, frames), '{}')
        FROM (SELECT f.state, count(*) AS frames FROM cogmill.frame AS f WHERE f.collection_id = c.id GROUP BY f.state) AS g
    ) AS states,
    (SELECT count(*) FROM cogmill.scan AS s WHERE s.collection_id = c.id) AS scans,
    (SELECT count(*) FROM cogmill.tile_index AS t WHERE t.collection_id = c.id AND t.dl_orig IS NULL) AS missing_scans,
    cardinality(c.overview_levels) AS overview_levels,
    (SELECT count(*) FROM cogmill.overview AS o WHERE o.collection_id = c.id) AS overview_cells,
    c.overview_revision >= c.revision AS overviews_are_current
FROM cogmill.collection AS c
WHERE c.id = :collection_id;

-- name: frames_page(collection_id, state, search, sort, descending, skip, at_most)
-- One page of a collection's frames. Materialized, or the planner walks the keys of the whole archive.
WITH fitting AS MATERIALIZED (
    SELECT id, source_key, CASE :sort
        WHEN 'state' THEN array_position('{published,built,building,arrived,rejected,failed,withdrawn}', state)
        WHEN 'date' THEN extract(epoch FROM acquired_from)
        WHEN 'size' THEN size
        WHEN 'changed' THEN extract(epoch FROM changed_at)
    END::double precision AS rank
    FROM cogmill.frame
    WHERE collection_id = :collection_id AND (:state = '' OR state = :state) AND strpos(lower(source_key), :search) > 0
), page AS (
    SELECT id, row_number() OVER (
        ORDER BY CASE WHEN :descending THEN -rank ELSE rank END NULLS LAST,
            CASE WHEN :descending AND :sort = 'name' THEN source_key END DESC, source_key
    ) AS place
    FROM fitting ORDER BY place LIMIT :at_most OFFSET :skip
)
SELECT id, collection_id, source_key, state, hold, reason, detail, next_try_at, size, arrived_at, changed_at, published_at, date, roll, frame_num,
    uploaded_at, cog_key, (
        SELECT min(d.first_seen) FROM cogmill.finding AS d WHERE d.kind IN ('source_missing', 'rejected_gone') AND d.subject = source_key
    ) AS deleted_at, (
        SELECT min(s.key) FROM cogmill.scan AS s
        WHERE s.collection_id = f.collection_id AND s.bands = f.bands AND s.stem = f.scan_stem
    ) AS scan_key, bands, shift_accuracy_m, missing_grids
FROM cogmill.frame AS f JOIN page USING (id)
ORDER BY place;

-- name: rejections_page(reason, county, collection, pattern, sort, skip, at_most)
-- One page of rejected uploads, those without a collection included, the latest first or as they are sorted.
SELECT f.id, f.collection_id, f.source_key, f.state, f.hold, f.reason, f.detail, f.next_try_at, f.size, f.arrived_at, f.changed_at,
    f.published_at, f.date, f.roll, f.frame_num, f.uploaded_at, f.cog_key, (
        SELECT min(d.first_seen) FROM cogmill.finding AS d WHERE d.kind IN ('source_missing', 'rejected_gone') AND d.subject = f.source_key
    ) AS deleted_at
FROM cogmill.frame AS f
WHERE
    f.state = 'rejected'
    AND (:reason = '' OR f.reason = :reason)
    AND (:collection = '' OR f.collection_id = :collection)
    AND (:pattern = '' OR lower(f.source_key) LIKE :pattern)
    AND (:county = '' OR f.collection_id IN (
        SELECT c.id FROM cogmill.collection AS c WHERE :county IN (c.folder, substring(c.folder FROM '[^/]*$'))
    ))
ORDER BY
    CASE WHEN :sort = 'upload' THEN f.source_key END,
    CASE WHEN :sort = '-upload' THEN f.source_key END DESC,
    CASE WHEN :sort = 'reason' THEN f.reason END,
    CASE WHEN :sort = '-reason' THEN f.reason END DESC,
    CASE WHEN :sort = 'changed' THEN f.changed_at END,
    CASE WHEN :sort = 'changed' THEN f.id END,
    f.changed_at DESC, f.id DESC
LIMIT :at_most OFFSET :skip;

-- name: rejection_counts(reason, county, collection, pattern)
-- How many rejected uploads there are, and how many of them building again can help.
SELECT count(*) AS all, count(*) FILTER (WHERE f.collection_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM cogmill.finding AS d WHERE d.kind IN ('source_missing', 'rejected_gone') AND d.subject = f.source_key
)) AS retriable
FROM cogmill.frame AS f
WHERE
    f.state = 'rejected'
    AND (:reason = '' OR f.reason = :reason)
    AND (:collection = '' OR f.collection_id = :collection)
    AND (:pattern = '' OR lower(f.source_key) LIKE :pattern)
    AND (:county = '' OR f.collection_id IN (
        SELECT c.id FROM cogmill.collection AS c WHERE :county IN (c.folder, substring(c.folder FROM '[^/]*$'))
    ));

-- name: rejection_reasons()
-- How many rejected uploads there are of each reason.
SELECT reason, count(*) AS uploads FROM cogmill.frame WHERE state = 'rejected' GROUP BY reason ORDER BY uploads DESC, reason;

-- name: rejection_counties()
-- Counties in which there are rejected uploads.
SELECT DISTINCT substring(c.folder FROM '[^/]*$') AS county
FROM cogmill.collection AS c
WHERE EXISTS (SELECT FROM cogmill.frame AS f WHERE f.collection_id = c.id AND f.state = 'rejected')
ORDER BY county;

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

-- name: findings_page(kind, skip, at_most)
-- One page of what the last comparison found of a kind, in the order of its subjects.
SELECT subject, collection_id, detail, first_seen FROM cogmill.finding
WHERE kind = :kind
ORDER BY subject LIMIT :at_most OFFSET :skip;

-- name: collections_in_window(search, only, west, south, east, north, at_most)
-- Where the collections lie that meet a window, of those that the list shows, with what is wrong in them.
SELECT c.id, ARRAY[ST_XMin(c.extent), ST_YMin(c.extent), ST_XMax(c.extent), ST_YMax(c.extent)] AS extent,
    EXISTS (SELECT FROM cogmill.frame AS f WHERE f.collection_id = c.id AND f.state IN ('rejected', 'failed')) AS has_faults
FROM cogmill.collection AS c
WHERE c.extent IS NOT NULL AND strpos(c.id, :search) > 0
    AND c.extent::geometry && ST_MakeEnvelope(:west, :south, :east, :north)
    AND CASE :only
        WHEN '' THEN true
        WHEN 'not public' THEN c.mapfile_sha256 IS NULL
        WHEN 'waiting' THEN EXISTS (
            SELECT FROM cogmill.frame AS f WHERE f.collection_id = c.id AND f.state IN ('arrived', 'building', 'built')
        )
        ELSE EXISTS (SELECT FROM cogmill.frame AS f WHERE f.collection_id = c.id AND f.state = :only)
    END
ORDER BY c.id
LIMIT :at_most;

-- name: frames_in_window(tolerance, collection_id, search, state, west, south, east, north, at_most)
-- Outlines of one collection's photographs that meet a window, as coarse as the window allows.
SELECT f.id, f.stem, ST_AsGeoJSON(ST_SimplifyPreserveTopology(t.geom, :tolerance), 1) AS outline
FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid
WHERE t.collection_id = :collection_id
    AND t.geom && ST_MakeEnvelope(:west, :south, :east, :north, 3857)
    AND (:state = '' OR f.state = :state) AND strpos(lower(f.source_key), :search) > 0
LIMIT :at_most;

-- name: run_report(dag_id, run_id)
-- What a run reported, and when.
SELECT report, at FROM cogmill.run_report WHERE dag_id = :dag_id AND run_id = :run_id;

-- name: latest_reports(dag_id, at_most)
-- The latest reports of a DAG.
SELECT run_id, at, report FROM cogmill.run_report WHERE dag_id = :dag_id ORDER BY at DESC LIMIT :at_most;

-- name: planned_frames(dag_id, run_id, skip, at_most)
-- Frames that a run means to take, in their order, with why, what is true of each now, and what the run made of it.
SELECT p.why, f.source_key, f.collection_id, f.size, f.state, f.reason, f.detail, b.outcome
FROM cogmill.planned_frame AS p
JOIN cogmill.frame AS f ON f.id = p.frame_id
LEFT JOIN cogmill.backfill_frame AS b ON b.backfill_id = p.dag_id || '/' || p.run_id AND b.frame_id = p.frame_id
WHERE p.dag_id = :dag_id AND p.run_id = :run_id
ORDER BY p.place LIMIT :at_most OFFSET :skip;
