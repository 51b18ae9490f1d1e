SELECT id, stem, size
FROM cogmill.frame
WHERE collection_id = %(collection_id)s AND next_try_at <= now()
    AND (state IN ('arrived', 'failed') OR (state = 'building' AND lease_until < now()))
ORDER BY arrived_at, source_key
LIMIT %(at_most)s;
