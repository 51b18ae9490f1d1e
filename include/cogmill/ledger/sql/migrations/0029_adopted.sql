-- COGs of another system that lie in cog/ without an upload: each is the source of its frame, and is published as it is or built again.
ALTER TABLE cogmill.frame ADD COLUMN adopted text CHECK (adopted IN ('as_it_is', 'built_again'));  -- NULL: the source is an upload
CREATE INDEX frame_adopted ON cogmill.frame (collection_id, bands, stem) WHERE adopted IS NOT NULL;

-- Programs such as QGIS that were told of one table for each collection get a view for each in its place: the columns of the tile index
-- that they know. Run by the owner for a schema of its own, again when collections have come or gone; what others made there stays. Returns
-- how many collections have their view; a name of more than 63 characters is none that PostgreSQL can give.
CREATE FUNCTION cogmill.write_table_views(place text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    mark CONSTANT text := 'Made by cogmill.write_table_views';
    name text;
    written integer := 0;
BEGIN
    FOR name IN
        SELECT v.relname FROM pg_class AS v
        WHERE v.relnamespace = place::regnamespace AND v.relkind = 'v' AND obj_description(v.oid, 'pg_class') = mark
            AND NOT EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.collection_id = v.relname)
    LOOP
        EXECUTE format('DROP VIEW %I.%I', place, name);
    END LOOP;
    FOR name IN
        SELECT c.id FROM cogmill.collection AS c
        WHERE length(c.id) <= 63 AND EXISTS (SELECT FROM cogmill.tile_index AS t WHERE t.collection_id = c.id) AND NOT EXISTS (
            SELECT FROM pg_class AS o
            WHERE o.relnamespace = place::regnamespace AND o.relname = c.id AND obj_description(o.oid, 'pg_class') IS DISTINCT FROM mark
        )
        ORDER BY c.id
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW %I.%I AS SELECT oid, location, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, geom'
            ' FROM cogmill.tile_index WHERE collection_id = %L', place, name, name
        );
        EXECUTE format('COMMENT ON VIEW %I.%I IS %L', place, name, mark);
        written := written + 1;
    END LOOP;
    RETURN written;
END $$;
REVOKE ALL ON FUNCTION cogmill.write_table_views FROM PUBLIC;
