-- What people who look at all collections at once ask for: where each lies, and which frames were refused last.

-- Extent of the collection's tile index, EPSG:3857 metres; null without rows. Kept by the triggers below, so that a map of
-- thousands of collections need not read a million footprints.
ALTER TABLE cogmill.collection ADD COLUMN extent box2d;

CREATE FUNCTION cogmill.grow_extent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cogmill.collection AS c SET extent = wanted.extent
    FROM (
        SELECT k.id, ST_Extent(k.geom) AS extent
        FROM (
            SELECT collection_id AS id, geom FROM new_rows
            UNION ALL
            SELECT id, ST_SetSRID(extent::geometry, 3857) FROM cogmill.collection
            WHERE id IN (SELECT collection_id FROM new_rows) AND extent IS NOT NULL
        ) AS k
        GROUP BY k.id
    ) AS wanted
    WHERE c.id = wanted.id AND c.extent::text IS DISTINCT FROM wanted.extent::text;
    RETURN NULL;
END $$;

-- Only a row at the edge can have held the extent where it is; then the whole index of its collection is measured again.
CREATE FUNCTION cogmill.shrink_extent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cogmill.collection AS c
    SET extent = (SELECT ST_Extent(t.geom) FROM cogmill.tile_index AS t WHERE t.collection_id = c.id)
    WHERE c.id IN (
        SELECT o.collection_id FROM old_rows AS o JOIN cogmill.collection AS k ON k.id = o.collection_id
        WHERE k.extent IS NULL OR ST_XMin(o.geom) <= ST_XMin(k.extent) OR ST_YMin(o.geom) <= ST_YMin(k.extent)
            OR ST_XMax(o.geom) >= ST_XMax(k.extent) OR ST_YMax(o.geom) >= ST_YMax(k.extent)
    );
    RETURN NULL;
END $$;

CREATE TRIGGER grow_inserted AFTER INSERT ON cogmill.tile_index
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.grow_extent();
CREATE TRIGGER grow_updated AFTER UPDATE ON cogmill.tile_index
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.grow_extent();
CREATE TRIGGER shrink_updated AFTER UPDATE ON cogmill.tile_index
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.shrink_extent();
CREATE TRIGGER shrink_deleted AFTER DELETE ON cogmill.tile_index
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.shrink_extent();

UPDATE cogmill.collection AS c SET extent = measured.extent
FROM (SELECT collection_id, ST_Extent(geom) AS extent FROM cogmill.tile_index GROUP BY collection_id) AS measured
WHERE c.id = measured.collection_id;

CREATE INDEX frame_rejected ON cogmill.frame (changed_at DESC, id DESC) WHERE state = 'rejected';
