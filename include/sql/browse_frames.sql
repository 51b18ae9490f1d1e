-- One page of a collection's frames in the order of their keys.
SELECT id, collection_id, source_key, state, reason, detail, size, arrived_at, changed_at, published_at, date, roll, frame_num
FROM (
    SELECT * FROM cogmill.frame AS f
    WHERE f.collection_id = %(collection_id)s AND (%(state)s = '' OR f.state = %(state)s)
        AND f.source_key > %(after)s AND (%(before)s::text IS NULL OR f.source_key < %(before)s)
        AND strpos(lower(f.source_key), %(search)s) > 0
    ORDER BY CASE WHEN %(before)s::text IS NULL THEN f.source_key END, f.source_key DESC
    LIMIT %(at_most)s
) AS page
ORDER BY source_key;
