-- The next run of the collection writes the index rows of these frames once more.
UPDATE cogmill.frame SET state = 'built', next_try_at = now(), changed_at = now()
WHERE source_key = ANY(%(keys)s) AND state = 'published'
RETURNING collection_id;
