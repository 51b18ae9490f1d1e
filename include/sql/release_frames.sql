-- Give back what was claimed and not done, so that a retry or the next run takes it at once.
UPDATE cogmill.frame SET state = 'arrived', changed_at = now(), lease_owner = NULL, lease_until = NULL
WHERE id = ANY(%(ids)s) AND state = 'building' AND lease_owner = %(owner)s;
