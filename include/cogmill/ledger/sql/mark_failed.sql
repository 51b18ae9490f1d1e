-- Our fault: tried again by a later run, each time after a longer wait, at most six hours.
UPDATE cogmill.frame SET
    state = 'failed', detail = %(detail)s, changed_at = now(), lease_owner = NULL, lease_until = NULL,
    next_try_at = now() + least(interval '6 hours', interval '1 minute' * 2 ^ least(tries, 10))
WHERE id = %(id)s AND etag = %(etag)s AND lease_owner = %(owner)s
RETURNING id;
