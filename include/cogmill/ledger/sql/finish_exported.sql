UPDATE cogmill.collection SET exported_revision = %(revision)s WHERE id = %(collection_id)s;
