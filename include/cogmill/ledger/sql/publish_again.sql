UPDATE cogmill.collection SET unpublished_at = NULL WHERE id = %(collection_id)s;
