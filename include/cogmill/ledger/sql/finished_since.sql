-- Frames of a backfill that somebody built after it began although it was not noted: a worker died in between.
UPDATE cogmill.backfill_frame AS b SET done_at = now(), outcome = 'built'
FROM cogmill.frame AS f, cogmill.backfill AS s
WHERE b.backfill_id = %(id)s AND s.id = b.backfill_id AND f.id = b.frame_id AND b.outcome IS NULL
    AND f.state IN ('built', 'published') AND f.built_at >= s.created_at;
