-- Where the collections lie that meet a window, with what is wrong in them.
SELECT c.id, ARRAY[ST_XMin(c.extent), ST_YMin(c.extent), ST_XMax(c.extent), ST_YMax(c.extent)] AS extent,
    EXISTS (SELECT FROM cogmill.frame AS f WHERE f.collection_id = c.id AND f.state IN ('rejected', 'failed')) AS has_faults
FROM cogmill.collection AS c
WHERE c.extent IS NOT NULL AND strpos(c.id, %(search)s) > 0
    AND c.extent::geometry && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s)
ORDER BY c.id
LIMIT %(at_most)s;
