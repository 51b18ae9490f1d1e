-- Collections with what their index holds.
SELECT c.id, c.folder, c.agency, c.year, c.product, c.revision, c.exported_revision, c.mapfile_revision, c.mapfile_sha256,
    c.unpublished_at IS NOT NULL AS unpublished, coalesce(t.rows, 0) AS rows, coalesce(t.bands, '{}') AS bands,
    EXISTS (SELECT FROM cogmill.frame AS f WHERE f.collection_id = c.id AND f.state NOT IN ('withdrawn', 'rejected')) AS alive
FROM cogmill.collection AS c
LEFT JOIN (
    SELECT i.collection_id, count(*) AS rows, array_agg(DISTINCT f.bands) AS bands
    FROM cogmill.tile_index AS i JOIN cogmill.frame AS f ON f.id = i.oid GROUP BY i.collection_id
) AS t ON t.collection_id = c.id
ORDER BY c.id;
