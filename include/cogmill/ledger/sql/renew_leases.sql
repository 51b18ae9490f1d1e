-- Keep what is still being worked on. A lease that was ended or taken over meanwhile stays so.
UPDATE cogmill.frame SET lease_until = now() + make_interval(secs => %(lease_s)s)
WHERE id = ANY(%(ids)s) AND state = 'building' AND lease_owner = %(owner)s;
