-- Frames whose COG is gone or damaged start anew, and their rows leave the index until then.
WITH rows AS (
    DELETE FROM cogmill.tile_index WHERE location = ANY(%(locations)s) RETURNING collection_id
), counted AS (
    UPDATE cogmill.collection SET revision = revision + 1 WHERE id IN (SELECT collection_id FROM rows)
)
UPDATE cogmill.frame SET state = 'arrived', detail = NULL, tries = 0, next_try_at = now(), arrived_at = now(),
    changed_at = now(), audited_at = NULL
WHERE cog_key = ANY(%(keys)s) AND state IN ('built', 'published')
RETURNING collection_id;
