-- Index rows that differ from a former revision, as they were then; without a location they were not there.
SELECT DISTINCT ON (r.oid) r.oid, r.location, f.source_key
FROM cogmill.former_row AS r JOIN cogmill.frame AS f ON f.id = r.oid
WHERE r.collection_id = %(collection_id)s AND r.revision > %(revision)s
ORDER BY r.oid, r.id;
