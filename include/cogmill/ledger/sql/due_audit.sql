-- The COGs whose turn it is: those not read for longest, a fixed share of all.
SELECT id, cog_key, cog_sha256, collection_id
FROM cogmill.frame
WHERE state = 'published'
ORDER BY audited_at NULLS FIRST, id
LIMIT (SELECT ceil(count(*) / %(nights)s::numeric)::bigint FROM cogmill.frame WHERE state = 'published');
