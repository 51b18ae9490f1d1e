SELECT t.oid, t.location, t.src_srs, t.date, t.roll, t.frame_num, t.dl_orig, t.dl_georef, t.dl_index,
    ST_AsBinary(t.geom) AS geom_wkb, t.acquired
FROM cogmill.tile_index AS t
JOIN cogmill.frame AS f ON f.id = t.oid
WHERE t.collection_id = %(collection_id)s AND f.bands = %(bands)s
ORDER BY t.location;
