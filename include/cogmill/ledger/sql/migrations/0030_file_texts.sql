-- What uploads say of themselves in their TIFF tags, carried into their COGs and told in STAC.
ALTER TABLE cogmill.outlined_cog ADD COLUMN texts jsonb;  -- NULL: nothing
