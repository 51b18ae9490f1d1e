SELECT pg_advisory_xact_lock(hashtextextended('cogmill ' || %(collection_id)s, 0));
