INSERT INTO found
SELECT kind, subject, collection_id, detail
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (kind text, subject text, collection_id text, detail text)
ON CONFLICT DO NOTHING;
