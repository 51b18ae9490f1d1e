SELECT DISTINCT f.bands
FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid
WHERE t.collection_id = %(collection_id)s
ORDER BY f.bands;
