-- Note what became of the frames that were lent: those that are still waiting or building stay open.
UPDATE cogmill.backfill_frame AS b SET done_at = now(), outcome = CASE
    WHEN f.state IN ('rejected', 'failed') THEN f.state
    WHEN f.state = 'withdrawn' THEN 'replaced'
    WHEN f.built_at >= s.created_at THEN 'built'
    ELSE 'unchanged' END
FROM cogmill.frame AS f, cogmill.backfill AS s
WHERE b.backfill_id = %(id)s AND s.id = b.backfill_id AND f.id = b.frame_id AND b.frame_id = ANY(%(ids)s)
    AND b.outcome IS NULL AND f.state NOT IN ('arrived', 'building')
RETURNING b.frame_id;
