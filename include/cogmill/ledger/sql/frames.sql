-- Single frames on their way to a COG. What finishes a frame acts only for the leaseholder and the version that was leased.

-- name: due_frames(collection_id, at_most)
-- Frames of a collection to build, those that wait longest first.
SELECT id, stem, size
FROM cogmill.frame
WHERE collection_id = :collection_id AND hold IS NULL AND next_try_at <= now()
    AND (state IN ('arrived', 'failed') OR (state = 'building' AND lease_until < now()))
ORDER BY arrived_at, source_key
LIMIT :at_most;

-- name: claim_frames(owner, lease_s, ids)
-- Lease frames to one try of one task. A retry of the same task takes back what its killed predecessor held; what failed waits for its
-- next try, whoever asks.
UPDATE cogmill.frame SET
    state = 'building', reason = NULL, detail = NULL, tries = tries + 1, changed_at = now(),
    lease_owner = :owner, lease_until = now() + make_interval(secs => :lease_s)
WHERE id = ANY(:ids) AND hold IS NULL
    AND (state = 'arrived' OR (state = 'failed' AND next_try_at <= now())
        OR (state = 'building' AND (lease_until < now() OR lease_owner = :owner)))
RETURNING id, source_key, bands, stem, etag, size, source_sha256, recipe AS fingerprint, cog_key, tries, adopted,
    (
        SELECT jsonb_build_array(c.folder, c.agency, c.year, c.product)
        FROM cogmill.collection AS c WHERE c.id = frame.collection_id
    ) AS collection,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_array(s.kind, s.key, s.etag, s.size) ORDER BY s.key), '[]')
        FROM cogmill.sidecar AS s
        WHERE s.collection_id = frame.collection_id AND s.bands = frame.bands AND s.stem = frame.stem
    ) AS sidecars;

-- name: renew_leases(lease_s, ids, owner)!
-- Keep what is still being worked on. A lease that was ended or taken over meanwhile stays so.
UPDATE cogmill.frame SET lease_until = now() + make_interval(secs => :lease_s)
WHERE id = ANY(:ids) AND state = 'building' AND lease_owner = :owner;

-- name: mark_built(source_sha256, fingerprint, cog_key, cog_size, cog_sha256, footprint_wkb, width, height, gsd_m, source_crs, transformation, cpu_s, collar_share, adjustments, shift_accuracy_m, missing_grids, outline_margin_m, transform, texts, id, etag, owner)
-- Only the version that was built, and only by its leaseholder: a newer upload has taken the lease away.
WITH built AS (
    UPDATE cogmill.frame SET
        state = 'built', source_sha256 = :source_sha256, recipe = :fingerprint,
        cog_key = :cog_key, cog_size = :cog_size, cog_sha256 = :cog_sha256,
        footprint = ST_SetSRID(ST_GeomFromWKB(:footprint_wkb), 3857),
        width = :width, height = :height, gsd_m = :gsd_m,
        source_crs = :source_crs, transformation = :transformation, cpu_s = :cpu_s,
        collar_share = :collar_share, adjustments = :adjustments,
        shift_accuracy_m = :shift_accuracy_m, missing_grids = :missing_grids,
        built_at = now(), changed_at = now(), lease_owner = NULL, lease_until = NULL, failures = 0, failing_since = NULL
    WHERE id = :id AND etag = :etag AND lease_owner = :owner
    RETURNING id
), outlined AS (
    INSERT INTO cogmill.outlined_cog (key, margin_m, transform, texts)
    SELECT :cog_key, :outline_margin_m::double precision, :transform::double precision[], :texts::jsonb FROM built
    ON CONFLICT (key) DO UPDATE SET margin_m = excluded.margin_m, transform = excluded.transform, texts = excluded.texts
)
SELECT id FROM built;

-- name: mark_unchanged(id, etag, owner)
-- The same pixels came under a new ETag: nothing to build, nothing to upload.
UPDATE cogmill.frame SET state = 'built', changed_at = now(), lease_owner = NULL, lease_until = NULL, failures = 0,
    failing_since = NULL
WHERE id = :id AND etag = :etag AND lease_owner = :owner
RETURNING id;

-- name: mark_rejected(reason, detail, id, etag, owner)
-- The frame's fault: never tried again by itself.
UPDATE cogmill.frame SET
    state = 'rejected', reason = :reason, detail = :detail, changed_at = now(), lease_owner = NULL, lease_until = NULL,
    failures = 0, failing_since = NULL
WHERE id = :id AND etag = :etag AND lease_owner = :owner
RETURNING id;

-- name: mark_failed(detail, id, etag, owner)
-- Our fault: tried again by a later run, after 2 minutes, 4, 8 and so on, at most six hours. Tries that an outage cut short do not count.
UPDATE cogmill.frame SET
    state = 'failed', detail = :detail, changed_at = now(), lease_owner = NULL, lease_until = NULL,
    failures = failures + 1, failing_since = coalesce(failing_since, now()),
    next_try_at = now() + least(interval '6 hours', interval '2 minutes' * 2 ^ least(failures, 10))
WHERE id = :id AND etag = :etag AND lease_owner = :owner
RETURNING id;

-- name: wait_for_sidecar(detail, wait_s, id, etag, owner)
-- Give back a frame without a position, until a sidecar of it arrives or it has waited long enough; then nothing is done.
UPDATE cogmill.frame SET state = 'arrived', detail = :detail, changed_at = now(), lease_owner = NULL, lease_until = NULL,
    next_try_at = arrived_at + make_interval(secs => :wait_s)
WHERE id = :id AND etag = :etag AND lease_owner = :owner AND arrived_at + make_interval(secs => :wait_s) > now()
RETURNING id;

-- name: release_frames(wait_s, ids, owner)!
-- Give back what was claimed and not done, so that a retry or the next run takes it.
UPDATE cogmill.frame SET state = 'arrived', changed_at = now(), lease_owner = NULL, lease_until = NULL,
    next_try_at = greatest(next_try_at, now() + make_interval(secs => :wait_s))
WHERE id = ANY(:ids) AND state = 'building' AND lease_owner = :owner;

-- name: adoptions(keys)
-- COGs of another system that are the sources of frames, and how they were adopted.
SELECT source_key, adopted FROM cogmill.frame WHERE source_key = ANY(:keys) AND adopted IS NOT NULL AND state <> 'withdrawn';
