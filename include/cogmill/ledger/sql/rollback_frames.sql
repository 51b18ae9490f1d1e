-- Frames get back the COG that their former row names; those that had no row wait for a person, or for a new upload.
WITH former AS (
    SELECT DISTINCT ON (oid) oid, location FROM cogmill.former_row
    WHERE collection_id = %(collection_id)s AND revision > %(revision)s ORDER BY oid, id
), back AS (
    UPDATE cogmill.frame AS f SET state = 'built', reason = NULL, detail = NULL, changed_at = now(), next_try_at = now(),
        cog_key = g.key, cog_size = g.size, cog_sha256 = g.sha256, source_sha256 = g.source_sha256, recipe = g.recipe,
        footprint = g.footprint, width = g.width, height = g.height, gsd_m = g.gsd_m, source_crs = g.source_crs,
        transformation = g.transformation, cpu_s = g.cpu_s, audited_at = NULL
    FROM former AS o JOIN cogmill.former_cog AS g ON %(root)s || g.key = o.location
    WHERE f.id = o.oid AND f.cog_key <> g.key AND f.state NOT IN ('arrived', 'building')
), same AS (
    UPDATE cogmill.frame AS f SET state = 'built', reason = NULL, detail = NULL, changed_at = now(), next_try_at = now()
    FROM former AS o
    WHERE f.id = o.oid AND %(root)s || f.cog_key = o.location AND f.state NOT IN ('arrived', 'building')
)
UPDATE cogmill.frame AS f SET state = 'failed', reason = NULL, changed_at = now(), next_try_at = 'infinity',
    detail = 'taken back by a rollback; upload it again, or start a backfill with force'
FROM former AS o
WHERE f.id = o.oid AND o.location IS NULL AND f.state IN ('built', 'published');
