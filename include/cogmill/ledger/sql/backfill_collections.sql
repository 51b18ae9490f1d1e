SELECT DISTINCT f.collection_id AS id
FROM cogmill.backfill_frame AS b JOIN cogmill.frame AS f ON f.id = b.frame_id
WHERE b.backfill_id = %(id)s ORDER BY 1;
