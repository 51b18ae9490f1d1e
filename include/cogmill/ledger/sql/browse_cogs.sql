SELECT source_key, cog_key FROM cogmill.frame WHERE id = ANY(%(ids)s) AND cog_key IS NOT NULL ORDER BY source_key;
