INSERT INTO cogmill.retired_cog (key) SELECT unnest(%(keys)s::text[]) ON CONFLICT DO NOTHING;
