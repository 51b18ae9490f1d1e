-- One page of refused uploads, the latest first, those without a collection included.
SELECT id, collection_id, source_key, state, reason, detail, size, arrived_at, changed_at, published_at, date, roll, frame_num
FROM cogmill.frame
WHERE state = 'rejected' AND (changed_at, id) < (%(changed_at)s, %(id)s)
ORDER BY changed_at DESC, id DESC
LIMIT %(at_most)s;
