SELECT cog_key, cog_sha256 FROM cogmill.frame WHERE cog_key = ANY(%(keys)s) AND state IN ('built', 'published');
