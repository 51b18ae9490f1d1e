-- Collections with work that nobody has been asked to do lately: new arrivals, lost triggers, vanished workers, failures to retry.
SELECT c.id
FROM cogmill.collection AS c
WHERE (
    EXISTS (
        SELECT FROM cogmill.frame AS f
        WHERE f.collection_id = c.id AND f.next_try_at <= now()
            AND (f.state IN ('arrived', 'built', 'failed') OR (f.state = 'building' AND f.lease_until < now()))
            AND (c.triggered_at IS NULL OR c.triggered_at < greatest(f.arrived_at, f.next_try_at)
                OR c.triggered_at < now() - make_interval(secs => %(retrigger_s)s))
    ) OR (
        EXISTS (SELECT FROM cogmill.scan AS s WHERE s.collection_id = c.id AND NOT s.linked
            AND (c.triggered_at IS NULL OR c.triggered_at < s.arrived_at
                OR c.triggered_at < now() - make_interval(secs => %(retrigger_s)s)))
        AND EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.collection_id = c.id)
    )
)
ORDER BY c.triggered_at NULLS FIRST, c.id
LIMIT %(at_most)s;
