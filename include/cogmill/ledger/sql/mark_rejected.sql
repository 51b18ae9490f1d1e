UPDATE cogmill.frame SET
    state = 'rejected', reason = %(reason)s, detail = %(detail)s, changed_at = now(), lease_owner = NULL, lease_until = NULL
WHERE id = %(id)s AND etag = %(etag)s AND lease_owner = %(owner)s
RETURNING id;
