-- Nothing reaches back further than the COGs of that time.
WITH rows AS (
    DELETE FROM cogmill.former_row WHERE changed_at < now() - make_interval(secs => %(age_s)s) RETURNING collection_id, revision
), cogs AS (
    DELETE FROM cogmill.former_cog WHERE replaced_at < now() - make_interval(secs => %(age_s)s)
)
DELETE FROM cogmill.publication AS p
USING (SELECT collection_id, max(revision) AS revision FROM rows GROUP BY collection_id) AS o
WHERE p.collection_id = o.collection_id AND p.revision < o.revision;
