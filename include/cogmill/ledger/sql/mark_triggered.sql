UPDATE cogmill.collection SET triggered_at = now() WHERE id = ANY(%(ids)s);
