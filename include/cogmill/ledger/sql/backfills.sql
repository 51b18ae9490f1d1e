-- Frames that are to be built again by hand, and how far that has come.

-- name: backfill_candidates(collection_ids, prefix, contains, states, reasons, without_grid, order)
-- Frames that a backfill may take, in the wanted order: none whose name another frame has, none that was rejected and whose upload is
-- gone, and none of a service that was withdrawn on purpose.
SELECT f.id, f.source_key, f.collection_id, c.product, f.bands, f.stem, f.size, f.state, f.reason, f.recipe AS fingerprint, f.adopted,
    f.missing_grids
FROM cogmill.frame AS f
JOIN cogmill.collection AS c ON c.id = f.collection_id AND c.unpublished_at IS NULL
WHERE NOT (f.state = 'rejected' AND EXISTS (
        SELECT FROM cogmill.frame AS o
        WHERE o.collection_id = f.collection_id AND o.bands = f.bands AND o.stem = f.stem AND o.id <> f.id
            AND o.state NOT IN ('rejected', 'withdrawn')
    ))
    AND (:collection_ids::text[] = '{}' OR f.collection_id = ANY(:collection_ids))
    AND starts_with(f.source_key, :prefix)
    AND strpos(lower(f.source_key), :contains) > 0
    AND f.state = ANY(:states)
    AND (NOT :without_grid OR f.missing_grids IS NOT NULL)
    AND (f.state <> 'rejected' OR :reasons::text[] = '{}' OR f.reason = ANY(:reasons))
    AND NOT (f.state = 'rejected' AND EXISTS (
        SELECT FROM cogmill.finding AS d WHERE d.kind = 'rejected_gone' AND d.subject = f.source_key
    ))
ORDER BY
    CASE :order WHEN 'smallest first' THEN f.size END,
    CASE :order WHEN 'newest first' THEN f.uploaded_at END DESC,
    CASE :order WHEN 'oldest first' THEN f.uploaded_at END,
    f.source_key;

-- name: build_costs()
-- What building has cost so far, by bands folder: CPU seconds per byte of upload.
SELECT bands, sum(cpu_s)::double precision / nullif(sum(size), 0) AS cpu_s_per_byte
FROM (
    SELECT bands, cpu_s, size FROM cogmill.frame WHERE cpu_s > 0 AND size > 0 ORDER BY built_at DESC NULLS LAST LIMIT 20000
) AS latest
GROUP BY bands;

-- name: begin_backfill(id, profile)
-- Remember a backfill; nothing when it is known already.
INSERT INTO cogmill.backfill (id, profile) VALUES (:id, :profile) ON CONFLICT DO NOTHING RETURNING id;

-- name: add_backfill_frames(id, rows)
-- Frames of a backfill in the order in which they are taken.
INSERT INTO cogmill.backfill_frame (backfill_id, frame_id, place, size)
SELECT :id, frame_id, place, size
FROM jsonb_to_recordset(:rows::jsonb) AS r (frame_id bigint, place integer, size bigint);

-- name: backfill_profile(id)
-- The profile a backfill insists on; no row when there is no such backfill.
SELECT profile FROM cogmill.backfill WHERE id = :id;

-- name: settle_built_frames(id)!
-- Frames of a backfill that somebody built after it began although it was not noted: a worker died in between.
UPDATE cogmill.backfill_frame AS b SET done_at = now(), outcome = 'built'
FROM cogmill.frame AS f, cogmill.backfill AS s
WHERE b.backfill_id = :id AND s.id = b.backfill_id AND f.id = b.frame_id AND b.outcome IS NULL
    AND f.state IN ('built', 'published') AND f.built_at >= s.created_at;

-- name: waiting_frames(id)
-- Frames of a backfill that are not done, in their order.
SELECT b.frame_id AS id, f.collection_id, f.stem
FROM cogmill.backfill_frame AS b JOIN cogmill.frame AS f ON f.id = b.frame_id
WHERE b.backfill_id = :id AND b.outcome IS NULL
ORDER BY b.place;

-- name: requeue_frames(lease_s, id, ids, owner)
-- Frames of a backfill go back to `arrived` for the worker that is about to claim them. Should it vanish, the ordinary runs take them
-- once the lease would be over.
UPDATE cogmill.frame AS f SET state = 'arrived', reason = NULL, detail = NULL, tries = 0, failures = 0, failing_since = NULL,
    changed_at = now(),
    next_try_at = now() + make_interval(secs => :lease_s), hold = NULL, lease_owner = NULL, lease_until = NULL
FROM cogmill.backfill_frame AS b
WHERE b.backfill_id = :id AND b.frame_id = f.id AND f.id = ANY(:ids) AND b.outcome IS NULL
    AND f.hold IS DISTINCT FROM 'quarantine'  -- the store would be found to have its COG already
    AND (f.state IN ('rejected', 'failed', 'built', 'published', 'arrived')
        OR (f.state = 'building' AND (f.lease_until < now() OR f.lease_owner = :owner)))
    -- what was rejected stays so while another frame has its name, or comes with it and came first
    AND NOT (f.state = 'rejected' AND EXISTS (
        SELECT FROM cogmill.frame AS o
        WHERE o.collection_id = f.collection_id AND o.bands = f.bands AND o.stem = f.stem AND o.id <> f.id
            AND (o.state NOT IN ('rejected', 'withdrawn') OR (o.state = 'rejected' AND o.id < f.id AND o.id = ANY(:ids)))
    ))
RETURNING f.id;

-- name: settle_frames(id, ids)
-- Note what became of the frames that were lent: those that are still waiting or building stay open.
UPDATE cogmill.backfill_frame AS b SET done_at = now(), outcome = CASE
    WHEN f.state IN ('rejected', 'failed') THEN f.state
    WHEN f.state = 'withdrawn' THEN 'replaced'
    WHEN f.built_at >= s.created_at THEN 'built'
    ELSE 'unchanged' END
FROM cogmill.frame AS f, cogmill.backfill AS s
WHERE b.backfill_id = :id AND s.id = b.backfill_id AND f.id = b.frame_id AND b.frame_id = ANY(:ids)
    AND b.outcome IS NULL AND f.state NOT IN ('arrived', 'building')
RETURNING b.frame_id;

-- name: backfill_progress(id)
-- How far a backfill has come: frames, bytes, outcomes, seconds.
SELECT count(*) AS frames, count(b.outcome) AS done, coalesce(sum(b.size), 0)::bigint AS bytes,
    coalesce(sum(b.size) FILTER (WHERE b.outcome IS NOT NULL), 0)::bigint AS bytes_done,
    count(*) FILTER (WHERE b.outcome = 'built') AS built, count(*) FILTER (WHERE b.outcome = 'unchanged') AS unchanged,
    count(*) FILTER (WHERE b.outcome = 'rejected') AS rejected, count(*) FILTER (WHERE b.outcome = 'failed') AS failed,
    coalesce(extract(epoch FROM max(b.done_at) - min(s.created_at)), 0)::double precision AS seconds
FROM cogmill.backfill AS s JOIN cogmill.backfill_frame AS b ON b.backfill_id = s.id
WHERE s.id = :id;

-- name: backfill_rejections(id)
-- Frames of a backfill that were rejected by it and still are, in its order.
SELECT f.source_key, f.reason, coalesce(f.detail, '') AS detail
FROM cogmill.backfill_frame AS b JOIN cogmill.frame AS f ON f.id = b.frame_id
WHERE b.backfill_id = :id AND b.outcome = 'rejected' AND f.state = 'rejected'
ORDER BY b.place;

-- name: finished_collections(id, collection_ids)
-- Of these collections, those in which a backfill has nothing left to do but something to publish.
SELECT f.collection_id AS id
FROM cogmill.backfill_frame AS b JOIN cogmill.frame AS f ON f.id = b.frame_id
WHERE b.backfill_id = :id AND f.collection_id = ANY(:collection_ids)
GROUP BY f.collection_id
HAVING count(*) FILTER (WHERE b.outcome IS NULL) = 0 AND count(*) FILTER (WHERE f.state = 'built') > 0
ORDER BY f.collection_id;

-- name: backfill_collections(id)
-- Every collection that a backfill touches.
SELECT DISTINCT f.collection_id AS id
FROM cogmill.backfill_frame AS b JOIN cogmill.frame AS f ON f.id = b.frame_id
WHERE b.backfill_id = :id ORDER BY 1;
