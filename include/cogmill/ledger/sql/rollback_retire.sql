-- COGs that leave with the rollback begin their time; those that come back are wanted again.
WITH former AS (
    SELECT DISTINCT ON (oid) oid, location FROM cogmill.former_row
    WHERE collection_id = %(collection_id)s AND revision > %(revision)s ORDER BY oid, id
), wanted AS (
    DELETE FROM cogmill.retired_cog AS r USING former AS o WHERE %(root)s || r.key = o.location
)
INSERT INTO cogmill.retired_cog (key, frame_id)
SELECT substr(t.location, length(%(root)s) + 1), t.oid
FROM cogmill.tile_index AS t JOIN former AS o ON o.oid = t.oid
WHERE t.location IS DISTINCT FROM o.location
ON CONFLICT (key) DO UPDATE SET retired_at = now();
