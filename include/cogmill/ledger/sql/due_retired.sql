-- Retired COGs whose time is up, unless an index row or a frame names them again: those are kept.
WITH kept AS (
    DELETE FROM cogmill.retired_cog AS r
    WHERE EXISTS (SELECT FROM cogmill.frame AS f WHERE f.cog_key = r.key AND f.state NOT IN ('withdrawn', 'rejected'))
        OR EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.location = %(root)s || r.key)
    RETURNING r.key
)
SELECT r.key FROM cogmill.retired_cog AS r
WHERE r.retired_at <= now() - make_interval(secs => %(grace_s)s) AND r.key NOT IN (SELECT key FROM kept)
ORDER BY r.retired_at, r.key
LIMIT %(at_most)s;
