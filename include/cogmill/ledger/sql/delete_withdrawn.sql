-- A row leaves the index before its COG is retired, in the same transaction.
WITH gone AS (
    DELETE FROM cogmill.tile_index AS t USING cogmill.frame AS f
    WHERE t.oid = f.id AND f.collection_id = %(collection_id)s AND f.state = 'withdrawn'
    RETURNING t.oid, t.location
), retired AS (
    INSERT INTO cogmill.retired_cog (key, frame_id)
    SELECT substr(location, length(%(root)s) + 1), oid FROM gone
    ON CONFLICT (key) DO UPDATE SET retired_at = now()
)
SELECT oid FROM gone;
