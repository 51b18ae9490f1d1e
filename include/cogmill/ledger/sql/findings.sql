-- Maintenance: the bucket's listing beside the ledger, what was found, and the repairs that only change the ledger.
-- The tables `listed` and `found` are temporary: private to one connection.

-- name: create_listed()!
-- The bucket's listing, private to this connection.
CREATE TEMPORARY TABLE IF NOT EXISTS listed (
    key text PRIMARY KEY, place text NOT NULL, etag text NOT NULL, size bigint NOT NULL, modified timestamptz NOT NULL
);

-- name: create_found()!
-- What this comparison finds, private to this connection.
CREATE TEMPORARY TABLE IF NOT EXISTS found (
    kind text NOT NULL, subject text NOT NULL, collection_id text, detail text NOT NULL DEFAULT '',
    PRIMARY KEY (kind, subject)
);

-- name: empty_listed_and_found()!
-- Start again on a connection that has compared before.
TRUNCATE listed, found;

-- name: ledger_now()
-- The time by the ledger's own clock.
SELECT now() AS moment;

-- name: analyze_listed()!
-- Tell the planner how large the listing is.
ANALYZE listed;

-- name: check_uploads(settled)
-- Settled uploads the ledger does not know.
INSERT INTO found (kind, subject, detail)
SELECT 'upload_unknown', l.key, 'uploaded ' || l.modified
FROM listed AS l
WHERE l.place IN ('georef', 'scanned', 'misplaced') AND l.modified < :settled
    AND NOT EXISTS (
        SELECT FROM cogmill.frame AS f LEFT JOIN cogmill.collection AS c ON c.id = f.collection_id
        WHERE f.source_key = l.key AND f.etag = l.etag AND (f.state <> 'withdrawn' OR c.unpublished_at IS NOT NULL)
    )
    AND NOT EXISTS (SELECT FROM cogmill.scan AS s WHERE s.key = l.key AND s.etag = l.etag);

-- name: check_sources(begun)
-- Frames whose upload is gone. What was rejected and shows no earlier version takes nothing off the map.
INSERT INTO found
SELECT CASE
        WHEN f.state = 'rejected' AND NOT EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.oid = f.id) THEN 'rejected_gone'
        ELSE 'source_missing'
    END, f.source_key, f.collection_id, 'the frame is ' || f.state
FROM cogmill.frame AS f
WHERE f.state <> 'withdrawn' AND f.arrived_at < :begun
    AND NOT EXISTS (SELECT FROM listed AS l WHERE l.key = f.source_key)
UNION ALL
-- nobody looks into cog/ for new uploads, so a new version of an adopted COG is found here
SELECT 'adopted_changed', f.source_key, f.collection_id, 'it has ' || l.size || ' bytes, and had ' || f.size
FROM cogmill.frame AS f JOIN listed AS l ON l.key = f.source_key
WHERE f.adopted IS NOT NULL AND f.state <> 'withdrawn' AND f.arrived_at < :begun AND l.etag <> f.etag;

-- name: check_scans(begun, scanned)
-- Scans that are gone, and published frames without a scan.
INSERT INTO found
SELECT 'scan_gone', s.key, s.collection_id, 'its frames still link to it'
FROM cogmill.scan AS s
WHERE s.arrived_at < :begun AND NOT EXISTS (SELECT FROM listed AS l WHERE l.key = s.key)
UNION ALL
SELECT 'scan_missing', f.source_key, f.collection_id, 'expected ' || :scanned || '/' || f.scan_stem || '.tif'
FROM cogmill.frame AS f
WHERE f.state = 'published' AND f.scan_stem IS NOT NULL AND NOT EXISTS (
    SELECT FROM cogmill.scan AS s
    WHERE s.collection_id = f.collection_id AND s.bands = f.bands AND s.stem = f.scan_stem
);

-- name: check_cogs(begun)
-- COGs that are gone or have another size although an index row or a frame names them, and those that were being moved to quarantine when
-- the run ended. An adopted COG is the source of its frame: where it is gone or changed, its frame is told as those of uploads are.
WITH wanted AS (
    SELECT t.cog_key AS key, t.collection_id, NULL::bigint AS size
    FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid WHERE f.built_at < :begun AND t.cog_key <> f.source_key
    UNION ALL
    SELECT f.cog_key, f.collection_id, f.cog_size FROM cogmill.frame AS f
    WHERE f.state IN ('built', 'published') AND f.built_at < :begun AND f.cog_key <> f.source_key
)
INSERT INTO found
SELECT CASE WHEN l.key IS NULL THEN 'cog_missing' ELSE 'cog_damaged' END, w.key, min(w.collection_id),
    CASE WHEN l.key IS NULL THEN 'not in the bucket' ELSE 'it has ' || min(l.size) || ' bytes, not ' || min(w.size) END
FROM wanted AS w LEFT JOIN listed AS l ON l.key = w.key
WHERE l.key IS NULL OR l.size <> w.size
GROUP BY w.key, l.key
UNION ALL
SELECT 'cog_damaged', f.cog_key, f.collection_id, 'was being moved to quarantine'
FROM cogmill.frame AS f WHERE f.hold = 'quarantine'
ON CONFLICT DO NOTHING;

-- name: check_orphans(settled)
-- COGs that nothing names: of ours (with a digest in the name), and of others.
INSERT INTO found (kind, subject, detail)
SELECT CASE WHEN l.key ~ '/cog/[^/]+\.[0-9a-f]{12}\.tif$' THEN 'cog_orphan' ELSE 'cog_foreign' END, l.key, l.size || ' bytes'
FROM listed AS l
WHERE l.place = 'cog' AND l.modified < :settled
    AND NOT EXISTS (SELECT FROM cogmill.frame AS f WHERE f.cog_key = l.key AND f.state <> 'withdrawn')
    AND NOT EXISTS (SELECT FROM cogmill.frame AS f WHERE f.source_key = l.key AND f.state <> 'withdrawn')
    AND NOT EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.cog_key = l.key)
    AND NOT EXISTS (SELECT FROM cogmill.retired_cog AS r WHERE r.key = l.key);

-- name: check_rows()
-- Published frames whose index row is missing or names another COG, and rows of withdrawn frames.
INSERT INTO found
SELECT 'row_missing', f.source_key, f.collection_id, coalesce('the row names ' || t.location, 'no row')
FROM cogmill.frame AS f LEFT JOIN cogmill.tile_index AS t ON t.oid = f.id
WHERE f.state = 'published'
    AND (t.cog_key IS DISTINCT FROM f.cog_key OR right(t.location, length(f.cog_key) + 1) <> '/' || f.cog_key)
UNION ALL
SELECT 'row_withdrawn', f.source_key, f.collection_id, t.location
FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid
WHERE f.state = 'withdrawn';

-- name: check_leases()
-- Frames claimed by a worker that vanished.
INSERT INTO found
SELECT 'lease_expired', f.source_key, f.collection_id, 'claimed by ' || coalesce(f.lease_owner, 'nobody')
FROM cogmill.frame AS f
WHERE f.state = 'building' AND (f.lease_until IS NULL OR f.lease_until < now());

-- name: check_cells(begun)
-- Cells of overviews that are gone or have another size.
INSERT INTO found
SELECT CASE WHEN l.key IS NULL THEN 'cell_missing' ELSE 'cell_damaged' END, o.key, o.collection_id,
    CASE WHEN l.key IS NULL THEN 'not in the bucket' ELSE 'it has ' || l.size || ' bytes, not ' || o.size END
FROM cogmill.overview AS o LEFT JOIN listed AS l ON l.key = o.key
WHERE o.built_at < :begun AND (l.key IS NULL OR l.size <> o.size);

-- name: check_cell_orphans(settled)
-- Objects below overviews/ that are no cells, and settled cells that nothing names.
INSERT INTO found (kind, subject, detail)
SELECT CASE WHEN c.named THEN 'cell_orphan' ELSE 'cell_foreign' END, c.key, c.size || ' bytes'
FROM (
    SELECT l.*, l.key ~ '^overviews/[^/]+/[0-9]+/[0-9]+_[0-9]+\.[0-9a-f]{12}\.tif$' AS named
    FROM listed AS l WHERE l.place = 'overviews'
) AS c
WHERE NOT c.named OR (
    c.modified < :settled
    AND NOT EXISTS (SELECT FROM cogmill.overview AS o WHERE o.key = c.key)
    AND NOT EXISTS (SELECT FROM cogmill.retired_overview AS r WHERE r.key = c.key)
);

-- name: check_overviews()
-- Overviews that have been older than the tile index for an hour although no frame of their collection is on its way, and those
-- of services that were withdrawn.
INSERT INTO found
SELECT 'overviews_old', c.id, c.id, 'they show revision ' || c.overview_revision || ', the index is at ' || c.revision
FROM cogmill.collection AS c
WHERE c.mapfile_sha256 IS NOT NULL AND c.mapfile_revision = c.revision AND c.overview_revision <> c.revision
    AND coalesce((
        SELECT min(r.changed_at) FROM cogmill.former_row AS r
        WHERE r.collection_id = c.id AND r.revision = c.overview_revision + 1
    ), c.published_at) < now() - interval '1 hour'
    AND NOT EXISTS (
        SELECT FROM cogmill.frame AS f
        WHERE f.collection_id = c.id AND f.hold IS NULL AND (
            f.state IN ('arrived', 'building', 'built') OR (f.state = 'failed' AND f.next_try_at <= now())
        )
    )
UNION ALL
SELECT 'overviews_orphan', c.id, c.id, 'the service was withdrawn'
FROM cogmill.collection AS c
WHERE c.mapfile_sha256 IS NULL AND (
    c.overview_levels <> '{}' OR EXISTS (SELECT FROM cogmill.overview AS o WHERE o.collection_id = c.id)
);

-- name: check_public_services()
-- Services that have been public for an hour and of which the list for the public says nothing, and the reverse.
INSERT INTO found
SELECT 'public_file_missing', c.id, c.id, 'it is in no list and has no page'
FROM cogmill.collection AS c
WHERE c.mapfile_sha256 IS NOT NULL AND c.extent IS NOT NULL AND c.published_at < now() - interval '1 hour'
    AND NOT EXISTS (SELECT FROM cogmill.public_entry AS e WHERE e.collection_id = c.id)
UNION ALL
SELECT 'public_file_missing', c.id, c.id, 'it was withdrawn and is still in the list'
FROM cogmill.public_entry AS e JOIN cogmill.collection AS c ON c.id = e.collection_id
WHERE c.mapfile_sha256 IS NULL OR c.extent IS NULL;

-- name: check_public_documents(begun)
-- Collections, or the archive, of which documents for the public are gone or have another size.
INSERT INTO found (kind, subject, collection_id, detail)
SELECT 'public_file_missing', coalesce(c.id, 'the archive'), c.id, count(*) || ' missing or changed, such as ' || min(d.key)
FROM cogmill.public_document AS d
LEFT JOIN listed AS l ON l.key = d.key
LEFT JOIN cogmill.collection AS c ON c.id = split_part(d.collection_id, '/', 1)  -- pictures of scans have their own share
WHERE d.stored_at < :begun AND l.size IS DISTINCT FROM d.size
GROUP BY c.id
ON CONFLICT DO NOTHING;

-- name: check_public_orphans(settled)
-- Objects below catalog/, stac/ and viewer/ that nothing names and that have settled.
INSERT INTO found (kind, subject, detail)
SELECT 'public_file_orphan', l.key, l.size || ' bytes'
FROM listed AS l
WHERE l.place = 'public' AND l.modified < :settled AND NOT EXISTS (SELECT FROM cogmill.public_document AS d WHERE d.key = l.key);

-- name: listed_objects(places)
-- What was listed in some places.
SELECT key, size, modified FROM listed WHERE place = ANY(:places) ORDER BY key;

-- name: collection_layers()
-- Collections with what their index holds.
SELECT c.id, c.folder, c.agency, c.year, c.product, c.revision, c.exported_revision, c.mapfile_revision, c.mapfile_sha256,
    c.overview_revision = c.revision AS overviews_current, c.mapfile_levels <> c.overview_levels AS other_levels,
    c.unpublished_at IS NOT NULL AS unpublished, coalesce(t.rows, 0) AS rows, coalesce(t.bands, '{}') AS bands,
    EXISTS (SELECT FROM cogmill.frame AS f WHERE f.collection_id = c.id AND f.state NOT IN ('withdrawn', 'rejected')) AS alive
FROM cogmill.collection AS c
LEFT JOIN (
    SELECT i.collection_id, count(*) AS rows, array_agg(DISTINCT f.bands) AS bands
    FROM cogmill.tile_index AS i JOIN cogmill.frame AS f ON f.id = i.oid GROUP BY i.collection_id
) AS t ON t.collection_id = c.id
ORDER BY c.id;

-- name: add_findings(rows)
-- What was found outside of the database.
INSERT INTO found
SELECT kind, subject, collection_id, detail
FROM jsonb_to_recordset(:rows::jsonb) AS r (kind text, subject text, collection_id text, detail text)
ON CONFLICT DO NOTHING;

-- name: count_findings()
-- How often each kind was found.
SELECT kind, count(*) AS count FROM found GROUP BY kind ORDER BY kind;

-- name: example_findings(at_most)
-- The first findings of each kind, with their age if they are known from an earlier night.
SELECT n.kind, n.subject, n.collection_id, n.detail, coalesce(o.first_seen, now()) AS first_seen
FROM (SELECT *, row_number() OVER (PARTITION BY kind ORDER BY subject) AS place FROM found) AS n
LEFT JOIN cogmill.finding AS o ON o.kind = n.kind AND o.subject = n.subject
WHERE n.place <= :at_most
ORDER BY n.kind, n.subject;

-- name: remember_findings(kinds)
-- What is found again keeps its age; what is not found any more has healed.
WITH healed AS (
    DELETE FROM cogmill.finding AS o
    WHERE o.kind = ANY(:kinds) AND NOT EXISTS (SELECT FROM found AS n WHERE n.kind = o.kind AND n.subject = o.subject)
)
INSERT INTO cogmill.finding AS o (kind, subject, collection_id, detail)
SELECT kind, subject, collection_id, detail FROM found ORDER BY kind, subject
ON CONFLICT (kind, subject) DO UPDATE SET detail = excluded.detail, collection_id = excluded.collection_id;

-- name: mark_planned(plan, kind, grace_s)!
-- The plan that a person is shown names these findings. A finding that heals and comes back is another one, and in no plan.
UPDATE cogmill.finding SET plan = :plan WHERE kind = :kind AND first_seen <= now() - make_interval(secs => :grace_s);

-- name: count_due_findings(kind, grace_s, plan)
-- How many findings of one kind are due, or stand in a plan.
SELECT count(*) AS findings FROM cogmill.finding
WHERE kind = :kind AND first_seen <= now() - make_interval(secs => :grace_s) AND (:plan::text IS NULL OR plan = :plan);

-- name: due_findings(kind, grace_s, plan, at_most)
-- Findings of one kind whose grace period is over, oldest first; with a plan only those that stand in it.
SELECT kind, subject, collection_id, detail, first_seen
FROM cogmill.finding
WHERE kind = :kind AND first_seen <= now() - make_interval(secs => :grace_s) AND (:plan::text IS NULL OR plan = :plan)
ORDER BY first_seen, subject
LIMIT :at_most;

-- name: forget_findings(kind, subjects)!
-- Findings that were repaired.
DELETE FROM cogmill.finding WHERE kind = :kind AND subject = ANY(:subjects);

-- name: rebuild_lost(cog_keys, quarantined)
-- Frames whose COG is gone or damaged go back to `arrived`, and their rows leave the index until then. Where the object itself is still to be
-- moved to quarantine, nobody may build before that: the store would be found to have the COG already.
WITH rows AS (
    DELETE FROM cogmill.tile_index WHERE cog_key = ANY(:cog_keys) RETURNING collection_id
), counted AS (
    UPDATE cogmill.collection SET revision = revision + 1 WHERE id IN (SELECT collection_id FROM rows)
)
UPDATE cogmill.frame SET state = 'arrived', detail = NULL, tries = 0, failures = 0, failing_since = NULL, arrived_at = now(),
    changed_at = now(), audited_at = NULL,
    next_try_at = now(), hold = CASE WHEN :quarantined THEN 'quarantine' END
WHERE cog_key = ANY(:cog_keys) AND state IN ('built', 'published')
RETURNING collection_id;

-- name: release_hold(cog_key)!
-- The damaged COG is in quarantine: its frame may be built.
UPDATE cogmill.frame SET hold = NULL, next_try_at = now(), arrived_at = now(), changed_at = now()
WHERE cog_key = :cog_key AND hold = 'quarantine';

-- name: verified_hashes(keys)
-- The sha256 that present COGs were verified with.
SELECT cog_key, cog_sha256 FROM cogmill.frame WHERE cog_key = ANY(:keys) AND state IN ('built', 'published');

-- name: index_again(keys)
-- The next run of the collection writes the index rows of these frames once more.
UPDATE cogmill.frame SET state = 'built', next_try_at = now(), changed_at = now()
WHERE source_key = ANY(:keys) AND state = 'published'
RETURNING collection_id;

-- name: forget_scans(keys)
-- Scans that are gone; their frames lose the link with the next run.
WITH gone AS (
    DELETE FROM cogmill.scan WHERE key = ANY(:keys) RETURNING collection_id, bands, stem
)
UPDATE cogmill.frame AS f SET state = 'built', next_try_at = now(), changed_at = now()
FROM gone AS g
WHERE f.collection_id = g.collection_id AND f.bands = g.bands AND f.scan_stem = g.stem AND f.state = 'published'
RETURNING f.collection_id;

-- name: end_leases()
-- Frames claimed by workers that vanished are due again.
UPDATE cogmill.frame SET state = 'arrived', changed_at = now(), next_try_at = now(), lease_owner = NULL, lease_until = NULL
WHERE state = 'building' AND (lease_until IS NULL OR lease_until < now())
RETURNING collection_id;

-- name: withdraw_frames(detail, keys, duplicate)
-- Frames whose uploads are gone; their rows leave with the next change of the index.
WITH gone AS (
    UPDATE cogmill.frame SET state = 'withdrawn', reason = NULL, detail = :detail, changed_at = now(), hold = NULL,
        lease_owner = NULL, lease_until = NULL
    WHERE source_key = ANY(:keys) AND state <> 'withdrawn'
    RETURNING source_key, collection_id, bands, stem
), heirs AS (
    -- What was rejected for the name of a frame that leaves takes its place: of several the one that came first.
    SELECT min(f.id) AS id
    FROM gone AS g JOIN cogmill.frame AS f USING (collection_id, bands, stem)
    WHERE f.state = 'rejected' AND f.reason = :duplicate AND f.source_key <> ALL(:keys) AND NOT EXISTS (
        SELECT FROM cogmill.frame AS o
        WHERE o.collection_id = f.collection_id AND o.bands = f.bands AND o.stem = f.stem
            AND o.state NOT IN ('rejected', 'withdrawn') AND o.source_key <> ALL(:keys)
    )
    GROUP BY collection_id, bands, stem
), called AS (
    UPDATE cogmill.frame SET state = 'arrived', reason = NULL, detail = NULL, tries = 0, next_try_at = now(),
        arrived_at = now(), changed_at = now()
    WHERE id IN (SELECT id FROM heirs)
), asked AS (
    -- a run is asked for at the next look, whose overviews follow
    UPDATE cogmill.collection SET triggered_at = NULL WHERE id IN (SELECT collection_id FROM gone)
)
SELECT source_key FROM gone;

-- name: unpublish_collection(collection_id)
-- Somebody deleted the mapfile: all frames leave, and their unchanged uploads are not new.
WITH frames AS (
    UPDATE cogmill.frame SET state = 'withdrawn', reason = NULL, detail = 'the mapfile was deleted', changed_at = now(), hold = NULL,
        lease_owner = NULL, lease_until = NULL
    WHERE collection_id = :collection_id AND state NOT IN ('withdrawn', 'rejected')
    RETURNING id
)
UPDATE cogmill.collection SET unpublished_at = now(), mapfile_sha256 = NULL, published_at = NULL
WHERE id = :collection_id
RETURNING (SELECT count(*) FROM frames) AS frames;

-- name: count_rows(keys, collection_id)
-- How many rows a collection's index has, and how many stay when these uploads leave. A withdrawn frame whose row is still there,
-- because a worker was killed in between, leaves too.
SELECT count(*) AS rows, count(*) FILTER (WHERE f.source_key <> ALL(:keys) AND f.state <> 'withdrawn') AS staying
FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid
WHERE t.collection_id = :collection_id;

-- name: retire_cogs(keys)
-- COGs that nothing names begin their grace period.
INSERT INTO cogmill.retired_cog (key) SELECT unnest(:keys::text[]) ON CONFLICT DO NOTHING;

-- name: due_retired(grace_s, at_most)
-- Retired COGs whose time is up, unless an index row or a frame names them again: those are kept, and so is what was adopted, which is
-- not ours to delete. A frame leaves the cells of its
-- collection before its COG is deleted.
WITH kept AS (
    DELETE FROM cogmill.retired_cog AS r
    WHERE EXISTS (SELECT FROM cogmill.frame AS f WHERE f.cog_key = r.key AND f.state NOT IN ('withdrawn', 'rejected'))
        OR EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.cog_key = r.key)
        OR EXISTS (SELECT FROM cogmill.frame AS f WHERE f.source_key = r.key)
    RETURNING r.key
)
SELECT r.key FROM cogmill.retired_cog AS r
WHERE r.retired_at <= now() - make_interval(secs => :grace_s) AND r.key NOT IN (SELECT key FROM kept)
    AND NOT EXISTS (
        SELECT FROM cogmill.frame AS f JOIN cogmill.collection AS c ON c.id = f.collection_id
        WHERE f.id = r.frame_id AND c.overview_levels <> '{}' AND c.overview_revision <> c.revision
    )
ORDER BY r.retired_at, r.key
LIMIT :at_most;

-- name: lock_cog(key)
-- Between the deletion of a COG and a frame that is about to name it; the lock ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('cogmill cog ' || :key, 0));

-- name: forget_retired(key)
-- A retired COG that is deleted next, unless something names it again.
DELETE FROM cogmill.retired_cog AS r
WHERE r.key = :key
    AND NOT EXISTS (SELECT FROM cogmill.frame AS f WHERE f.cog_key = r.key AND f.state NOT IN ('withdrawn', 'rejected'))
    AND NOT EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.cog_key = r.key)
    AND NOT EXISTS (SELECT FROM cogmill.frame AS f WHERE f.source_key = r.key)
RETURNING r.key;

-- name: due_audit(nights)
-- The COGs whose turn it is: those not read for longest, a fixed share of all.
SELECT id, cog_key, cog_sha256, collection_id
FROM cogmill.frame
WHERE state = 'published'
ORDER BY audited_at NULLS FIRST, id
LIMIT (SELECT ceil(count(*) / :nights::numeric)::bigint FROM cogmill.frame WHERE state = 'published');

-- name: mark_audited(ids)!
-- These COGs were read and are right.
UPDATE cogmill.frame SET audited_at = now() WHERE id = ANY(:ids);

-- name: unknown_outlines(keys)
-- Those of some COGs on the map whose outline was never compared with their pixels, or whose pixel grid is not known.
SELECT t.cog_key, ST_AsBinary(t.geom) AS outline_wkb FROM cogmill.tile_index AS t
WHERE t.cog_key = ANY(:keys)
    AND NOT EXISTS (SELECT FROM cogmill.outlined_cog AS o WHERE o.key = t.cog_key AND o.transform IS NOT NULL)
ORDER BY t.cog_key;

-- name: note_outline(key, margin_m, transform)!
-- How well the outline of a COG tells which of its pixels are valid, and where its pixels lie.
INSERT INTO cogmill.outlined_cog (key, margin_m, transform) VALUES (:key, :margin_m, :transform)
ON CONFLICT (key) DO UPDATE SET margin_m = excluded.margin_m, transform = excluded.transform;
