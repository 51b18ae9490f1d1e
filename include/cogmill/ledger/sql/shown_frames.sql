-- How many rows a collection's index has, and how many stay when these uploads leave. A withdrawn frame whose row is still there,
-- because a worker was killed in between, leaves too.
SELECT count(*) AS rows, count(*) FILTER (WHERE f.source_key <> ALL(%(keys)s) AND f.state <> 'withdrawn') AS staying
FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid
WHERE t.collection_id = %(collection_id)s;
