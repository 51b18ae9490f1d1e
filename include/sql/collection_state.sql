SELECT folder, agency, year, product, revision, exported_revision, mapfile_revision, mapfile_sha256
FROM cogmill.collection WHERE id = %(collection_id)s;
