-- Lease frames to one try of one task. A retry of the same task takes back what its killed predecessor held.
UPDATE cogmill.frame SET
    state = 'building', reason = NULL, detail = NULL, tries = tries + 1, changed_at = now(),
    lease_owner = %(owner)s, lease_until = now() + make_interval(secs => %(lease_s)s)
WHERE id = ANY(%(ids)s)
    AND (state IN ('arrived', 'failed') OR (state = 'building' AND (lease_until < now() OR lease_owner = %(owner)s)))
RETURNING id, source_key, etag, size, source_sha256, recipe, cog_key;
