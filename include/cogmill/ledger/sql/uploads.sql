-- What the ledger knows of the bucket, and how new uploads enter it.

-- name: unknown_versions(keys, etags, modified)
-- Which of these (key, etag) the ledger has never seen. A withdrawn frame that is back counts as new, unless its whole service
-- was taken away on purpose: then only a new version is. So do the same bytes uploaded again where they were rejected, failed, or taken
-- back by a rollback: whoever does that wants an answer. A HEAD tells the time in whole seconds.
SELECT u.key
FROM unnest(:keys::text[], :etags::text[], :modified::timestamptz[]) AS u (key, etag, modified)
WHERE NOT EXISTS (
    SELECT FROM cogmill.frame AS f LEFT JOIN cogmill.collection AS c ON c.id = f.collection_id
    WHERE f.source_key = u.key AND f.etag = u.etag AND (f.state <> 'withdrawn' OR c.unpublished_at IS NOT NULL)
        AND NOT (f.state IN ('rejected', 'failed') AND u.modified >= f.uploaded_at + interval '1 second')
) AND NOT EXISTS (
    -- also the same bytes again: S3 has forgotten who may read the scan. A HEAD tells the time in whole seconds.
    SELECT FROM cogmill.scan AS s
    WHERE s.key = u.key AND s.etag = u.etag AND s.uploaded_at > u.modified - interval '1 second'
) AND NOT EXISTS (
    SELECT FROM cogmill.sidecar AS s
    WHERE s.key = u.key AND s.etag = u.etag AND s.uploaded_at > u.modified - interval '1 second'
);

-- name: rejected_names(reasons)
-- Uploads that were rejected for their names or folders, and show no earlier version.
SELECT f.source_key FROM cogmill.frame AS f
WHERE f.state = 'rejected' AND f.reason = ANY(:reasons)
    AND NOT EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.oid = f.id)
ORDER BY f.id;

-- name: add_collections(rows)
-- Collections appear with their first upload. Returns the stored spelling of each name.
WITH new AS (
    SELECT * FROM jsonb_to_recordset(:rows::jsonb)
        AS r (id text, service_name text, folder text, agency text, year text, product text)
), stored AS (
    INSERT INTO cogmill.collection (id, service_name, folder, agency, year, product)
    SELECT id, service_name, folder, agency, year, product FROM new ORDER BY id, service_name
    ON CONFLICT DO NOTHING
    RETURNING id, service_name
)
SELECT id, service_name FROM stored
UNION
SELECT c.id, c.service_name FROM cogmill.collection AS c WHERE c.id IN (SELECT id FROM new);

-- name: spelled_by(ids)
-- Collections of which no COG was ever made, with their oldest upload that is there and not rejected: it decides how they are written.
SELECT c.id, f.source_key
FROM cogmill.collection AS c, LATERAL (
    SELECT f.source_key FROM cogmill.frame AS f
    WHERE f.collection_id = c.id AND f.state NOT IN ('rejected', 'withdrawn')
    ORDER BY f.id LIMIT 1
) AS f
WHERE c.id = ANY(:ids) AND c.revision = 0 AND c.mapfile_sha256 IS NULL
    AND NOT EXISTS (SELECT FROM cogmill.frame AS b WHERE b.collection_id = c.id AND b.cog_key IS NOT NULL);

-- name: respell_collections(rows)
-- Nothing carries the name of these collections yet. A COG that was made since keeps the old name, and with it the collection.
UPDATE cogmill.collection AS c
SET service_name = r.service_name, folder = r.folder, agency = r.agency, year = r.year
FROM jsonb_to_recordset(:rows::jsonb) AS r (id text, service_name text, folder text, agency text, year text)
WHERE c.id = r.id AND c.service_name <> r.service_name AND c.revision = 0 AND c.mapfile_sha256 IS NULL
    AND NOT EXISTS (SELECT FROM cogmill.frame AS b WHERE b.collection_id = c.id AND b.cog_key IS NOT NULL)
RETURNING c.id;

-- name: ingest_frames(rows)
-- Take in uploads: new keys, new versions of known keys, and the same version uploaded again where it was rejected or failed, start from
-- the beginning; another version already known changes nothing.
-- What is on the map stays there until its successor is published. A service that was withdrawn on purpose comes back.
WITH taken AS (
    INSERT INTO cogmill.frame AS f (
        collection_id, source_key, bands, stem, etag, size, uploaded_at, state, reason, detail,
        date, roll, frame_num, acquired_from, acquired_to, scan_stem, adopted
    )
    SELECT
        collection_id, source_key, bands, stem, etag, size, uploaded_at, state, reason, detail,
        date, roll, frame_num, acquired_from, acquired_to, scan_stem, adopted
    FROM jsonb_to_recordset(:rows::jsonb) AS r (
        collection_id text, source_key text, bands text, stem text, etag text, size bigint, uploaded_at timestamptz,
        state text, reason text, detail text,
        date text, roll text, frame_num text, acquired_from date, acquired_to date, scan_stem text, adopted text
    )
    ORDER BY source_key
    -- all that the name says as well: the grammar may have learned since
    ON CONFLICT (source_key) DO UPDATE SET
        collection_id = excluded.collection_id, bands = excluded.bands, stem = excluded.stem,
        date = excluded.date, roll = excluded.roll, frame_num = excluded.frame_num,
        acquired_from = excluded.acquired_from, acquired_to = excluded.acquired_to, scan_stem = excluded.scan_stem, adopted = excluded.adopted,
        etag = excluded.etag, size = excluded.size, uploaded_at = excluded.uploaded_at,
        state = excluded.state, reason = excluded.reason, detail = excluded.detail,
        tries = 0, failures = 0, failing_since = NULL, next_try_at = now(), hold = NULL, lease_owner = NULL, lease_until = NULL, arrived_at = now(), changed_at = now()
    WHERE f.etag <> excluded.etag OR f.state = 'withdrawn' OR f.adopted IS DISTINCT FROM excluded.adopted
        OR (f.state IN ('rejected', 'failed') AND excluded.uploaded_at >= f.uploaded_at + interval '1 second')
    RETURNING f.id, f.collection_id, f.state
), back AS (
    UPDATE cogmill.collection SET unpublished_at = NULL
    WHERE unpublished_at IS NOT NULL AND id IN (SELECT collection_id FROM taken WHERE state = 'arrived')
)
SELECT id FROM taken;

-- name: reject_duplicates(reason, ids)
-- x.tif and x.TIF would be one frame twice; the one that is there stays, and of those that come together the first. An upload is never
-- rejected for a COG that was adopted for want of it.
UPDATE cogmill.frame AS f SET state = 'rejected', reason = :reason,
    detail = 'the same name as ' || o.source_key, changed_at = now()
FROM cogmill.frame AS o
WHERE f.id = ANY(:ids) AND f.state = 'arrived'
    AND o.collection_id = f.collection_id AND o.bands = f.bands AND o.stem = f.stem AND o.id <> f.id
    AND o.state NOT IN ('rejected', 'withdrawn') AND (o.id < f.id OR o.id <> ALL(:ids))
    AND (o.adopted IS NULL OR f.adopted IS NOT NULL)
RETURNING f.source_key, f.detail;

-- name: adoptable(rows, adopted)
-- Which of these COGs of another system nobody has adopted in this way, and no upload of the same name stands for. An upload that was rejected
-- stands for none, unless a former version of it is on the map.
SELECT r.source_key
FROM jsonb_to_recordset(:rows::jsonb) AS r (source_key text, etag text, collection_id text, bands text, stem text)
WHERE NOT EXISTS (
    SELECT FROM cogmill.frame AS f LEFT JOIN cogmill.collection AS c ON c.id = f.collection_id
    WHERE f.source_key = r.source_key AND f.etag = r.etag AND f.adopted = :adopted
        AND (f.state <> 'withdrawn' OR c.unpublished_at IS NOT NULL)
) AND NOT EXISTS (
    SELECT FROM cogmill.frame AS f
    WHERE f.collection_id = r.collection_id AND f.bands = r.bands AND f.stem = r.stem AND f.adopted IS NULL
        AND (f.state NOT IN ('rejected', 'withdrawn') OR EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.oid = f.id))
);

-- name: ingest_scans(rows)
-- Scans fill the download link of their frame, however late they come.
INSERT INTO cogmill.scan AS s (key, collection_id, bands, stem, etag, size, uploaded_at)
SELECT key, collection_id, bands, stem, etag, size, uploaded_at
FROM jsonb_to_recordset(:rows::jsonb) AS r (
    key text, collection_id text, bands text, stem text, etag text, size bigint, uploaded_at timestamptz
)
ORDER BY key
ON CONFLICT (key) DO UPDATE SET etag = excluded.etag, size = excluded.size, uploaded_at = excluded.uploaded_at
WHERE s.etag <> excluded.etag OR s.uploaded_at < excluded.uploaded_at;

-- name: ingest_sidecars(rows, reasons, placed_by)
-- A new or changed sidecar makes its frame due: one that waits or is being built without it, one that was rejected for its position, one
-- that a former version placed. What is on the map stays there until its successor is published. Other frames have a position of their own.
WITH stored AS (
    INSERT INTO cogmill.sidecar AS s (key, kind, collection_id, bands, stem, etag, size, uploaded_at)
    SELECT key, kind, collection_id, bands, stem, etag, size, uploaded_at
    FROM jsonb_to_recordset(:rows::jsonb) AS r (
        key text, kind text, collection_id text, bands text, stem text, etag text, size bigint, uploaded_at timestamptz
    )
    ORDER BY key
    ON CONFLICT (key) DO UPDATE SET collection_id = excluded.collection_id, bands = excluded.bands, stem = excluded.stem,
        etag = excluded.etag, size = excluded.size, uploaded_at = excluded.uploaded_at
    WHERE s.etag <> excluded.etag OR s.uploaded_at < excluded.uploaded_at
    RETURNING collection_id, bands, stem
)
UPDATE cogmill.frame AS f SET state = 'arrived', reason = NULL, detail = NULL, tries = 0, failures = 0, failing_since = NULL,
    next_try_at = now(), arrived_at = now(), changed_at = now(), lease_owner = NULL, lease_until = NULL
FROM (SELECT DISTINCT collection_id, bands, stem FROM stored) AS s
WHERE f.collection_id = s.collection_id AND f.bands = s.bands AND f.stem = s.stem AND f.hold IS NULL AND (
    f.state IN ('arrived', 'building')
    OR (f.state = 'rejected' AND f.reason = ANY(:reasons))
    OR (f.state IN ('built', 'published') AND string_to_array(f.adjustments, ' ') && :placed_by::text[])
)
RETURNING f.id;

-- name: read_watermark()
-- Up to where every key of the bucket is known, and when all of them were compared for the last time.
-- One that is ahead of the ledger's own clock was never true.
SELECT CASE WHEN watermark <= now() THEN nullif(watermark, '-infinity') END AS known_until,
    CASE WHEN full_at <= now() THEN nullif(full_at, '-infinity') END AS full_at
FROM cogmill.sweep;

-- name: advance_watermark(known_until, full_at)!
-- Remember a completed sweep; a watermark never moves backwards, unless it is ahead of the ledger's own clock, and never goes ahead of that.
UPDATE cogmill.sweep SET
    watermark = least(now(), greatest(CASE WHEN watermark <= now() THEN watermark ELSE '-infinity' END, :known_until::timestamptz)),
    full_at = least(now(), greatest(CASE WHEN full_at <= now() THEN full_at ELSE '-infinity' END, :full_at::timestamptz));

-- name: read_sweep()
-- The sweep that is under way; what began ahead of the ledger's own clock is none.
SELECT reached, begun_at AS begun, is_full AS full, newest, unsettled
FROM cogmill.sweep
WHERE reached IS NOT NULL AND begun_at <= now();

-- name: save_sweep(reached, begun, full, newest, unsettled)!
-- Remember how far a sweep has come, or, without `reached`, that none is under way.
UPDATE cogmill.sweep SET reached = :reached::bytea, begun_at = :begun, is_full = :full, newest = :newest, unsettled = :unsettled;

-- name: listing_account()
-- The ledger's clock, what sweeps have cost and how long ago; a count that is ahead of the clock says nothing.
SELECT now() AS moment, wanted,
    CASE WHEN counted_at <= now() THEN extract(epoch FROM now() - counted_at)::float8 END AS idle_s,
    CASE WHEN counted_at <= now() THEN greatest(0, debt_s - extract(epoch FROM now() - counted_at)::float8) ELSE 0 END AS debt_s
FROM cogmill.sweep;

-- name: count_listing(requests, per_hour, wanted)!
-- Add requests to the account: each takes its share of the hour.
UPDATE cogmill.sweep SET counted_at = now(), wanted = :wanted,
    debt_s = :requests * 3600.0 / :per_hour + CASE
        WHEN counted_at <= now() THEN greatest(0, debt_s - extract(epoch FROM now() - counted_at)::float8) ELSE 0
    END;

-- name: due_collections(retrigger_s, at_most)
-- Collections with work that nobody has been asked to do lately: new arrivals, lost triggers, vanished workers, failures to retry.
SELECT c.id
FROM cogmill.collection AS c
WHERE (
    EXISTS (
        SELECT FROM cogmill.frame AS f
        WHERE f.collection_id = c.id AND f.hold IS NULL AND f.next_try_at <= now()
            AND (f.state IN ('arrived', 'failed') OR (f.state = 'building' AND f.lease_until < now())
                OR (f.state = 'built' AND (c.publish_after IS NULL OR c.publish_after <= now())))
            AND (c.triggered_at IS NULL OR c.triggered_at < greatest(f.arrived_at, f.next_try_at)
                OR c.triggered_at < now() - make_interval(secs => :retrigger_s))
    ) OR (
        EXISTS (SELECT FROM cogmill.scan AS s WHERE s.collection_id = c.id AND NOT s.linked
            AND (c.triggered_at IS NULL OR c.triggered_at < s.arrived_at
                OR c.triggered_at < now() - make_interval(secs => :retrigger_s)))
        AND EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.collection_id = c.id)
    ) OR (
        -- the overviews show an older tile index, or the mapfile draws other levels: a run was cut short, or the index changed
        -- outside of one
        (c.overview_revision <> c.revision OR c.mapfile_levels <> c.overview_levels)
        AND c.mapfile_revision = c.revision AND c.mapfile_sha256 IS NOT NULL
        AND (c.publish_after IS NULL OR c.publish_after <= now())
        AND (c.triggered_at IS NULL OR c.triggered_at < now() - make_interval(secs => :retrigger_s))
    )
)
ORDER BY c.triggered_at NULLS FIRST, c.id
LIMIT :at_most;

-- name: mark_triggered(ids)!
-- Remember that runs of these collections have been asked for.
UPDATE cogmill.collection SET triggered_at = now() WHERE id = ANY(:ids);

-- name: lone_scans(collection_id)
-- Scans of a collection that no georeferenced frame goes with, with what a look at each found.
SELECT n.* FROM (
    SELECT DISTINCT ON (s.bands, s.stem) s.bands, s.stem, s.key, s.size, s.uploaded_at,
        p.picture, p.width, p.height, CASE WHEN p.etag = s.etag THEN p.reason END AS reason
    FROM cogmill.lone_scan AS s LEFT JOIN cogmill.scan_picture AS p ON p.key = s.key
    WHERE s.collection_id = :collection_id
    ORDER BY s.bands, s.stem, s.key
) AS n
ORDER BY n.bands, n.stem COLLATE "C";

-- name: place_of_county(folder)
-- Rectangle around the published photographs of a county, whatever their collection, EPSG:3857 meters; null when there are none.
SELECT ST_XMin(box) AS west, ST_YMin(box) AS south, ST_XMax(box) AS east, ST_YMax(box) AS north
FROM (SELECT ST_Extent(c.extent::geometry) AS box FROM cogmill.collection AS c
    WHERE c.folder = :folder AND c.folder <> '' AND c.mapfile_sha256 IS NOT NULL) AS found
WHERE box IS NOT NULL;

-- name: due_scans(at_most, again_s)
-- Lone scans that nobody has looked at, those that wait longest first; those whose picture is gone; after a while those that our own
-- fault kept from it.
SELECT s.key, s.collection_id, s.bands, s.stem, s.etag, s.size
FROM cogmill.lone_scan AS s LEFT JOIN cogmill.scan_picture AS p ON p.key = s.key AND p.etag = s.etag
WHERE p.key IS NULL OR (p.reason = 'failed' AND p.looked_at < now() - make_interval(secs => :again_s))
    OR (p.picture IS NOT NULL AND NOT EXISTS (
        SELECT FROM cogmill.public_document AS d WHERE d.key = p.picture AND d.sha256 <> ''
    ))
ORDER BY p.looked_at NULLS FIRST, s.uploaded_at, s.key
LIMIT :at_most;

-- name: note_scan_picture(key, collection_id, etag, picture, width, height, reason, detail)!
-- What a look at a scan found.
INSERT INTO cogmill.scan_picture (key, collection_id, etag, picture, width, height, reason, detail)
VALUES (:key, :collection_id, :etag, :picture, :width, :height, :reason, :detail)
ON CONFLICT (key) DO UPDATE SET etag = excluded.etag, picture = excluded.picture, width = excluded.width, height = excluded.height,
    reason = excluded.reason, detail = excluded.detail, looked_at = now();

-- name: stale_scan_pictures()
-- What was found of scans that are gone, or that a georeferenced frame goes with by now.
SELECT p.key, p.collection_id, p.picture FROM cogmill.scan_picture AS p
WHERE NOT EXISTS (SELECT FROM cogmill.lone_scan AS s WHERE s.key = p.key)
ORDER BY p.key;

-- name: forget_scan_pictures(keys)!
-- Nothing is there any more of what was found.
DELETE FROM cogmill.scan_picture WHERE key = ANY(:keys);

-- name: unlisted_scans()
-- Collections of which the list of lone scans says another number than there are.
SELECT coalesce(n.collection_id, e.collection_id) AS id
FROM (SELECT collection_id, count(DISTINCT (bands, stem)) AS scans FROM cogmill.lone_scan GROUP BY collection_id) AS n
FULL JOIN cogmill.scan_entry AS e ON e.collection_id = n.collection_id
WHERE n.scans IS DISTINCT FROM (e.entry ->> 'scans')::bigint
ORDER BY 1;
