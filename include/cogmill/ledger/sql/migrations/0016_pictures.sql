-- How much of a frame was taken for its film collar, and what was done otherwise than its profile says.

ALTER TABLE cogmill.frame
    ADD COLUMN collar_share real,  -- share of the valid area, 0 to 1; NULL for COGs of before
    ADD COLUMN adjustments text;  -- NULL for most
ALTER TABLE cogmill.former_cog
    ADD COLUMN collar_share real,
    ADD COLUMN adjustments text;

CREATE OR REPLACE FUNCTION cogmill.keep_former_cog() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cogmill.former_cog (key, frame_id, size, sha256, source_sha256, recipe, footprint, width, height, gsd_m,
        source_crs, transformation, cpu_s, collar_share, adjustments)
    VALUES (OLD.cog_key, OLD.id, OLD.cog_size, OLD.cog_sha256, OLD.source_sha256, OLD.recipe, OLD.footprint, OLD.width,
        OLD.height, OLD.gsd_m, OLD.source_crs, OLD.transformation, OLD.cpu_s, OLD.collar_share, OLD.adjustments)
    ON CONFLICT (key) DO UPDATE SET replaced_at = now();
    RETURN NULL;
END $$;
