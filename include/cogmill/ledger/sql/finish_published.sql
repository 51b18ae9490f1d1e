-- The mapfile that shows this revision is out: its frames are public.
WITH shown AS (
    UPDATE cogmill.frame AS f SET state = 'published', published_at = now(), changed_at = now()
    FROM cogmill.tile_index AS t
    WHERE f.collection_id = %(collection_id)s AND f.state = 'built' AND t.oid = f.id AND t.location = %(root)s || f.cog_key
    RETURNING f.id
)
UPDATE cogmill.collection SET mapfile_sha256 = %(sha256)s, mapfile_revision = %(revision)s,
    published_at = CASE WHEN %(sha256)s::text IS NULL THEN NULL ELSE now() END
WHERE id = %(collection_id)s
RETURNING (SELECT count(*) FROM shown) AS frames;
