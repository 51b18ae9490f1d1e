-- Index rows say their COG's key by themselves: `location` may hold a prefix before it, which only the settings know.

-- No row is touched: what was worked out of the location stays as it is.
ALTER TABLE cogmill.tile_index ALTER COLUMN cog_key DROP EXPRESSION, ALTER COLUMN cog_key SET NOT NULL;
ALTER TABLE cogmill.former_row ALTER COLUMN cog_key DROP EXPRESSION;

CREATE OR REPLACE FUNCTION cogmill.keep_former_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO cogmill.former_row (collection_id, revision, oid)
        SELECT n.collection_id, c.revision + 1, n.oid FROM new_rows AS n JOIN cogmill.collection AS c ON c.id = n.collection_id;
    ELSE
        INSERT INTO cogmill.former_row (collection_id, revision, oid, location, cog_key, src_srs, date, roll, frame_num,
            dl_orig, dl_georef, dl_index, geom, acquired)
        SELECT o.collection_id, c.revision + 1, o.oid, o.location, o.cog_key, o.src_srs, o.date, o.roll, o.frame_num,
            o.dl_orig, o.dl_georef, o.dl_index, o.geom, o.acquired
        FROM old_rows AS o JOIN cogmill.collection AS c ON c.id = o.collection_id;
    END IF;
    RETURN NULL;
END $$;
