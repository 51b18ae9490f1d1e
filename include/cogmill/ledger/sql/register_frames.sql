-- Take in uploads: new keys, and new versions of known keys, start from the beginning; a version already known changes nothing.
-- What is on the map stays there until its successor is published. A service that was withdrawn on purpose comes back.
WITH taken AS (
    INSERT INTO cogmill.frame AS f (
        collection_id, source_key, bands, stem, etag, size, uploaded_at, state, reason, detail,
        date, roll, frame_num, acquired_from, acquired_to, scan_stem
    )
    SELECT
        collection_id, source_key, bands, stem, etag, size, uploaded_at, state, reason, detail,
        date, roll, frame_num, acquired_from, acquired_to, scan_stem
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
        collection_id text, source_key text, bands text, stem text, etag text, size bigint, uploaded_at timestamptz,
        state text, reason text, detail text,
        date text, roll text, frame_num text, acquired_from date, acquired_to date, scan_stem text
    )
    ORDER BY source_key
    -- all that the name says as well: the grammar may have learned since
    ON CONFLICT (source_key) DO UPDATE SET
        collection_id = excluded.collection_id, bands = excluded.bands, stem = excluded.stem,
        date = excluded.date, roll = excluded.roll, frame_num = excluded.frame_num,
        acquired_from = excluded.acquired_from, acquired_to = excluded.acquired_to, scan_stem = excluded.scan_stem,
        etag = excluded.etag, size = excluded.size, uploaded_at = excluded.uploaded_at,
        state = excluded.state, reason = excluded.reason, detail = excluded.detail,
        tries = 0, next_try_at = now(), lease_owner = NULL, lease_until = NULL, arrived_at = now(), changed_at = now()
    WHERE f.etag <> excluded.etag OR f.state = 'withdrawn'
    RETURNING f.id, f.collection_id, f.state
), back AS (
    UPDATE cogmill.collection SET unpublished_at = NULL
    WHERE unpublished_at IS NOT NULL AND id IN (SELECT collection_id FROM taken WHERE state = 'arrived')
)
SELECT id FROM taken;
