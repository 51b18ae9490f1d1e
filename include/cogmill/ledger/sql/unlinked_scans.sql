SELECT key FROM cogmill.scan WHERE collection_id = %(collection_id)s AND NOT linked;
