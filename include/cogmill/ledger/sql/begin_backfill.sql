INSERT INTO cogmill.backfill (id, profile) VALUES (%(id)s, %(profile)s) ON CONFLICT DO NOTHING RETURNING id;
