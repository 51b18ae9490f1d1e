-- The footprints of one public service in longitude and latitude; null for one outside the square world of EPSG:3857, which
-- PROJ would quietly fold back into it.
SELECT t.dl_orig, t.dl_georef, t.dl_index, t.date, t.roll, t.frame_num, t.acquired,
    CASE WHEN t.geom @ ST_MakeEnvelope(-20037509, -20037509, 20037509, 20037509, 3857)
        THEN ST_AsBinary(ST_Transform(t.geom, 4326)) END AS geom_wkb
FROM cogmill.tile_index AS t
WHERE t.collection_id = %(collection_id)s
ORDER BY t.location COLLATE "C";
