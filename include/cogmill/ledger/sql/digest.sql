-- What became of a collection since a moment, and which of its frames have no scan.
SELECT
    count(*) FILTER (WHERE state = 'published' AND published_at >= %(since)s) AS published,
    count(*) FILTER (WHERE state = 'published') AS total,
    coalesce(jsonb_agg(jsonb_build_object('key', source_key, 'reason', reason, 'detail', detail) ORDER BY source_key)
        FILTER (WHERE state = 'rejected' AND changed_at >= %(since)s), '[]') AS rejected,
    coalesce(jsonb_agg(jsonb_build_object('key', source_key, 'detail', detail) ORDER BY source_key)
        -- not those that a rollback took back: they wait for a person, and no run will try them
        FILTER (WHERE state = 'failed' AND next_try_at < 'infinity'), '[]') AS failed,
    coalesce(jsonb_agg(source_key ORDER BY source_key)
        FILTER (WHERE state = 'published' AND published_at >= %(since)s AND scan_stem IS NOT NULL AND NOT EXISTS (
            SELECT FROM cogmill.scan AS s
            WHERE s.collection_id = f.collection_id AND s.bands = f.bands AND s.stem = f.scan_stem
        )), '[]') AS missing_scans
FROM cogmill.frame AS f
WHERE collection_id = %(collection_id)s;
