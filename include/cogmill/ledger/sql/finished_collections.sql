-- Of these collections, those in which a backfill has nothing left to do but something to publish.
SELECT f.collection_id AS id
FROM cogmill.backfill_frame AS b JOIN cogmill.frame AS f ON f.id = b.frame_id
WHERE b.backfill_id = %(id)s AND f.collection_id = ANY(%(collection_ids)s)
GROUP BY f.collection_id
HAVING count(*) FILTER (WHERE b.outcome IS NULL) = 0 AND count(*) FILTER (WHERE f.state = 'built') > 0
ORDER BY f.collection_id;
