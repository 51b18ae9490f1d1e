DELETE FROM cogmill.retired_cog WHERE key = ANY(%(keys)s);
