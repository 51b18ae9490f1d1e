SELECT folder, agency, year, product, revision, exported_revision, mapfile_revision, mapfile_sha256,
    EXISTS (SELECT FROM cogmill.frame AS f WHERE f.collection_id = c.id AND f.state = 'built') AS has_built
FROM cogmill.collection AS c WHERE id = %(collection_id)s;
