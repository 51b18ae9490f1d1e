-- Outlines of one collection's photographs that meet a window, as coarse as the window allows.
SELECT f.id, f.stem, ST_AsGeoJSON(ST_SimplifyPreserveTopology(t.geom, %(tolerance)s), 1) AS outline
FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid
WHERE t.collection_id = %(collection_id)s
    AND t.geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 3857)
LIMIT %(at_most)s;
