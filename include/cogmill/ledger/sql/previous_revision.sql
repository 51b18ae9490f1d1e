-- The last revision that was public before the present one; for a service that is withdrawn, the last that was public at all.
SELECT c.revision AS present, (
    SELECT max(p.revision) FROM cogmill.publication AS p
    WHERE p.collection_id = c.id AND (c.mapfile_sha256 IS NULL OR p.revision < c.mapfile_revision)
) AS previous
FROM cogmill.collection AS c WHERE c.id = %(collection_id)s;
