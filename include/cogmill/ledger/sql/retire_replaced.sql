INSERT INTO cogmill.retired_cog (key, frame_id)
SELECT substr(t.location, length(%(root)s) + 1), t.oid
FROM cogmill.tile_index AS t
JOIN jsonb_to_recordset(%(rows)s::jsonb) AS r (oid bigint, location text) ON r.oid = t.oid
WHERE r.location <> t.location
ON CONFLICT (key) DO UPDATE SET retired_at = now();
