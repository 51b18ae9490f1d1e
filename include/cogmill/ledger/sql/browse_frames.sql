-- One page of a collection's frames in the order of their keys. Materialized, or the planner walks the keys of the whole archive.
WITH fitting AS MATERIALIZED (
    SELECT id, source_key FROM cogmill.frame
    WHERE collection_id = %(collection_id)s AND (%(state)s = '' OR state = %(state)s)
        AND source_key > %(after)s AND (%(before)s::text IS NULL OR source_key < %(before)s)
        AND strpos(lower(source_key), %(search)s) > 0
), page AS (
    SELECT id FROM fitting
    ORDER BY CASE WHEN %(before)s::text IS NULL THEN source_key END, source_key DESC
    LIMIT %(at_most)s
)
SELECT id, collection_id, source_key, state, reason, detail, size, arrived_at, changed_at, published_at, date, roll, frame_num
FROM cogmill.frame JOIN page USING (id)
ORDER BY source_key;
