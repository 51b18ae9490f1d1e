UPDATE cogmill.collection SET revision = revision + 1 WHERE id = %(collection_id)s;
