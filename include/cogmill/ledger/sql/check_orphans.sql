-- COGs that nothing names: of ours (with a digest in the name), and of others.
INSERT INTO found (kind, subject, detail)
SELECT CASE WHEN l.key ~ '\.[0-9a-f]{12}\.tif$' THEN 'cog_orphan' ELSE 'cog_foreign' END, l.key, l.size || ' bytes'
FROM listed AS l
WHERE l.place = 'cog' AND l.modified < %(settled)s
    AND NOT EXISTS (SELECT FROM cogmill.frame AS f WHERE f.cog_key = l.key AND f.state <> 'withdrawn')
    AND NOT EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.location = %(root)s || l.key)
    AND NOT EXISTS (SELECT FROM cogmill.retired_cog AS r WHERE r.key = l.key);
