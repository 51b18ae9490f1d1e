-- Geometry goes from ledger to index inside the database. Rows that say the same already are not touched.
INSERT INTO cogmill.tile_index AS t (
    oid, location, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, geom, collection_id, acquired
)
SELECT r.oid, r.location, r.src_srs, r.date, r.roll, r.frame_num, r.dl_orig, r.dl_georef, r.dl_index,
    f.footprint, f.collection_id, r.acquired
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
    oid bigint, location text, src_srs text, date text, roll text, frame_num text,
    dl_orig text, dl_georef text, dl_index text, acquired date
)
JOIN cogmill.frame AS f ON f.id = r.oid
ON CONFLICT (oid) DO UPDATE SET
    location = excluded.location, src_srs = excluded.src_srs, date = excluded.date, roll = excluded.roll,
    frame_num = excluded.frame_num, dl_orig = excluded.dl_orig, dl_georef = excluded.dl_georef,
    dl_index = excluded.dl_index, geom = excluded.geom, acquired = excluded.acquired
WHERE (t.location, t.src_srs, t.date, t.roll, t.frame_num, t.dl_georef, t.dl_index)
        <> (excluded.location, excluded.src_srs, excluded.date, excluded.roll, excluded.frame_num,
            excluded.dl_georef, excluded.dl_index)
    OR (t.dl_orig, t.acquired) IS DISTINCT FROM (excluded.dl_orig, excluded.acquired)
    OR NOT ST_OrderingEquals(t.geom, excluded.geom)
RETURNING t.oid;
