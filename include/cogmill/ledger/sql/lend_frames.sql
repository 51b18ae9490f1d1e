-- Frames of a backfill start anew for the one who is about to claim them. Should that one vanish, the ordinary runs take them
-- once the lease would be over.
UPDATE cogmill.frame AS f SET state = 'arrived', reason = NULL, detail = NULL, tries = 0, changed_at = now(),
    next_try_at = now() + make_interval(secs => %(lease_s)s), lease_owner = NULL, lease_until = NULL
FROM cogmill.backfill_frame AS b
WHERE b.backfill_id = %(id)s AND b.frame_id = f.id AND f.id = ANY(%(ids)s) AND b.outcome IS NULL
    AND (f.state IN ('rejected', 'failed', 'built', 'published', 'arrived')
        OR (f.state = 'building' AND (f.lease_until < now() OR f.lease_owner = %(owner)s)))
    -- what was refused stays so while another frame has its name, or comes with it and came first
    AND NOT (f.state = 'rejected' AND EXISTS (
        SELECT FROM cogmill.frame AS o
        WHERE o.collection_id = f.collection_id AND o.bands = f.bands AND o.stem = f.stem AND o.id <> f.id
            AND (o.state NOT IN ('rejected', 'withdrawn') OR (o.state = 'rejected' AND o.id < f.id AND o.id = ANY(%(ids)s)))
    ))
RETURNING f.id;
