-- Frames claimed by a worker that vanished.
INSERT INTO found
SELECT 'lease_expired', f.source_key, f.collection_id, 'claimed by ' || coalesce(f.lease_owner, 'nobody')
FROM cogmill.frame AS f
WHERE f.state = 'building' AND (f.lease_until IS NULL OR f.lease_until < now());
