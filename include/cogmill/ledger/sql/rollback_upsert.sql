INSERT INTO cogmill.tile_index AS t (
    oid, location, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, geom, collection_id, acquired
)
SELECT oid, location, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, geom, collection_id, acquired
FROM (
    SELECT DISTINCT ON (oid) * FROM cogmill.former_row
    WHERE collection_id = %(collection_id)s AND revision > %(revision)s AND revision <= %(present)s ORDER BY oid, id
) AS o
WHERE location IS NOT NULL
ON CONFLICT (oid) DO UPDATE SET
    location = excluded.location, src_srs = excluded.src_srs, date = excluded.date, roll = excluded.roll,
    frame_num = excluded.frame_num, dl_orig = excluded.dl_orig, dl_georef = excluded.dl_georef,
    dl_index = excluded.dl_index, geom = excluded.geom, acquired = excluded.acquired;
