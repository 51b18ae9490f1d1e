DELETE FROM cogmill.tile_index AS t USING (
    SELECT DISTINCT ON (oid) oid, location FROM cogmill.former_row
    WHERE collection_id = %(collection_id)s AND revision > %(revision)s AND revision <= %(present)s ORDER BY oid, id
) AS o
WHERE t.oid = o.oid AND o.location IS NULL;
