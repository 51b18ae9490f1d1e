-- The same pixels came under a new ETag: nothing to build, nothing to upload.
UPDATE cogmill.frame SET state = 'built', changed_at = now(), lease_owner = NULL, lease_until = NULL
WHERE id = %(id)s AND etag = %(etag)s AND lease_owner = %(owner)s
RETURNING id;
