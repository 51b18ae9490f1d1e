SELECT b.frame_id AS id, f.collection_id, f.stem
FROM cogmill.backfill_frame AS b JOIN cogmill.frame AS f ON f.id = b.frame_id
WHERE b.backfill_id = %(id)s AND b.outcome IS NULL
ORDER BY b.place;
