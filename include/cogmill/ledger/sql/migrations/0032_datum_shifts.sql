-- How accurately the datum shift of a frame places it, and which grids of PROJ would place it better and were not installed.

ALTER TABLE cogmill.frame
    ADD COLUMN shift_accuracy_m real,  -- as the operation claims, 0 where the datum stays; NULL where there is none, or for COGs of before
    ADD COLUMN missing_grids text[];  -- NULL for nearly all
ALTER TABLE cogmill.former_cog
    ADD COLUMN shift_accuracy_m real,
    ADD COLUMN missing_grids text[];
ALTER TABLE cogmill.tile_index ADD COLUMN shift_accuracy_m real;
ALTER TABLE cogmill.former_row ADD COLUMN shift_accuracy_m real;

CREATE INDEX frame_missing_grids ON cogmill.frame (missing_grids) WHERE missing_grids IS NOT NULL;

CREATE OR REPLACE FUNCTION cogmill.keep_former_cog() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cogmill.former_cog (key, frame_id, size, sha256, source_sha256, recipe, footprint, width, height, gsd_m,
        source_crs, transformation, cpu_s, collar_share, adjustments, shift_accuracy_m, missing_grids)
    VALUES (OLD.cog_key, OLD.id, OLD.cog_size, OLD.cog_sha256, OLD.source_sha256, OLD.recipe, OLD.footprint, OLD.width,
        OLD.height, OLD.gsd_m, OLD.source_crs, OLD.transformation, OLD.cpu_s, OLD.collar_share, OLD.adjustments,
        OLD.shift_accuracy_m, OLD.missing_grids)
    ON CONFLICT (key) DO UPDATE SET replaced_at = now();
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION cogmill.keep_former_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO cogmill.former_row (collection_id, revision, oid)
        SELECT n.collection_id, c.revision + 1, n.oid FROM new_rows AS n JOIN cogmill.collection AS c ON c.id = n.collection_id;
    ELSE
        INSERT INTO cogmill.former_row (collection_id, revision, oid, location, cog_key, src_srs, date, roll, frame_num,
            dl_orig, dl_georef, dl_index, geom, acquired, shift_accuracy_m)
        SELECT o.collection_id, c.revision + 1, o.oid, o.location, o.cog_key, o.src_srs, o.date, o.roll, o.frame_num,
            o.dl_orig, o.dl_georef, o.dl_index, o.geom, o.acquired, o.shift_accuracy_m
        FROM old_rows AS o JOIN cogmill.collection AS c ON c.id = o.collection_id;
    END IF;
    RETURN NULL;
END $$;
