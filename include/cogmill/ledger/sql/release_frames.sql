-- Give back what was claimed and not done, so that a retry or the next run takes it.
UPDATE cogmill.frame SET state = 'arrived', changed_at = now(), lease_owner = NULL, lease_until = NULL,
    next_try_at = greatest(next_try_at, now() + make_interval(secs => %(wait_s)s))
WHERE id = ANY(%(ids)s) AND state = 'building' AND lease_owner = %(owner)s;
