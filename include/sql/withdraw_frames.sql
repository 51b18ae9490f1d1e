UPDATE cogmill.frame SET state = 'withdrawn', reason = NULL, detail = %(detail)s, changed_at = now(),
    lease_owner = NULL, lease_until = NULL
WHERE source_key = ANY(%(keys)s) AND state <> 'withdrawn'
RETURNING collection_id;
