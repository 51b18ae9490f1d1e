-- Where the pixels of a COG lie, for programs that place it without opening it (STAC). Those of before are read with the audit's next turn.

ALTER TABLE cogmill.outlined_cog
    ADD COLUMN transform double precision[] CHECK (cardinality(transform) = 6);  -- affine, (column, row) to EPSG:3857 meters; a, b, c, d, e, f
