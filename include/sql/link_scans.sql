UPDATE cogmill.scan SET linked = true WHERE collection_id = %(collection_id)s AND NOT linked;
