-- Scans are never opened; they only fill the download link of their frame, however late they come.
INSERT INTO cogmill.scan AS s (key, collection_id, bands, stem, etag, size, uploaded_at)
SELECT key, collection_id, bands, stem, etag, size, uploaded_at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
    key text, collection_id text, bands text, stem text, etag text, size bigint, uploaded_at timestamptz
)
ORDER BY key
ON CONFLICT (key) DO UPDATE SET etag = excluded.etag, size = excluded.size, uploaded_at = excluded.uploaded_at
WHERE s.etag <> excluded.etag OR s.uploaded_at < excluded.uploaded_at;
