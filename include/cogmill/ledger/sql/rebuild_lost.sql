-- Frames whose COG is gone or damaged start anew, and their rows leave the index until then. Where the object itself is still to be
-- put aside, nobody may build before that: the store would be found to have the COG already.
WITH rows AS (
    DELETE FROM cogmill.tile_index WHERE location = ANY(%(locations)s) RETURNING collection_id
), counted AS (
    UPDATE cogmill.collection SET revision = revision + 1 WHERE id IN (SELECT collection_id FROM rows)
)
UPDATE cogmill.frame SET state = 'arrived', detail = NULL, tries = 0, arrived_at = now(),
    changed_at = now(), audited_at = NULL,
    next_try_at = CASE WHEN %(aside)s THEN 'infinity' ELSE now() END
WHERE cog_key = ANY(%(keys)s) AND state IN ('built', 'published')
RETURNING collection_id;
