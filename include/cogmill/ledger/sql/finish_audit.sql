UPDATE cogmill.frame SET audited_at = now() WHERE id = ANY(%(ids)s);
