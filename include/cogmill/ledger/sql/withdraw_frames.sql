WITH gone AS (
    UPDATE cogmill.frame SET state = 'withdrawn', reason = NULL, detail = %(detail)s, changed_at = now(),
        lease_owner = NULL, lease_until = NULL
    WHERE source_key = ANY(%(keys)s) AND state <> 'withdrawn'
    RETURNING source_key, collection_id, bands, stem
), heirs AS (
    -- What was refused for the name of a frame that leaves takes its place: of several the one that came first.
    SELECT min(f.id) AS id
    FROM gone AS g JOIN cogmill.frame AS f USING (collection_id, bands, stem)
    WHERE f.state = 'rejected' AND f.reason = %(duplicate)s AND f.source_key <> ALL(%(keys)s) AND NOT EXISTS (
        SELECT FROM cogmill.frame AS o
        WHERE o.collection_id = f.collection_id AND o.bands = f.bands AND o.stem = f.stem
            AND o.state NOT IN ('rejected', 'withdrawn') AND o.source_key <> ALL(%(keys)s)
    )
    GROUP BY collection_id, bands, stem
), called AS (
    UPDATE cogmill.frame SET state = 'arrived', reason = NULL, detail = NULL, tries = 0, next_try_at = now(),
        arrived_at = now(), changed_at = now()
    WHERE id IN (SELECT id FROM heirs)
)
SELECT source_key FROM gone;
