UPDATE cogmill.frame SET state = 'arrived', changed_at = now(), next_try_at = now(), lease_owner = NULL, lease_until = NULL
WHERE state = 'building' AND (lease_until IS NULL OR lease_until < now())
RETURNING collection_id;
