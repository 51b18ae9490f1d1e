-- Back to the previous revision of one collection: what was published, the rows each change replaced, the COGs that frames had.

CREATE TABLE cogmill.publication (
    collection_id  text NOT NULL REFERENCES cogmill.collection,
    revision       bigint NOT NULL,
    mapfile_sha256 text NOT NULL,
    published_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (collection_id, revision)
);

-- One row per index row that a change wrote or removed, as it was before; without a location it was not there.
CREATE TABLE cogmill.former_row (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id text NOT NULL,
    revision      bigint NOT NULL,  -- the revision that this change made
    oid           bigint NOT NULL,
    location      text,
    src_srs       text,
    date          text,
    roll          text,
    frame_num     text,
    dl_orig       text,
    dl_georef     text,
    dl_index      text,
    geom          geometry(Polygon, 3857),
    acquired      date,
    changed_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX former_row_of_collection ON cogmill.former_row (collection_id, revision, id);

CREATE TABLE cogmill.former_cog (
    key            text PRIMARY KEY,
    frame_id       bigint NOT NULL REFERENCES cogmill.frame,
    size           bigint,
    sha256         text,
    source_sha256  text,
    recipe         text,
    footprint      geometry(Polygon, 3857),
    width          integer,
    height         integer,
    gsd_m          double precision,
    source_crs     text,
    transformation text,
    cpu_s          real,
    replaced_at    timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION cogmill.keep_former_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO cogmill.former_row (collection_id, revision, oid)
        SELECT n.collection_id, c.revision + 1, n.oid FROM new_rows AS n JOIN cogmill.collection AS c ON c.id = n.collection_id;
    ELSE
        INSERT INTO cogmill.former_row (collection_id, revision, oid, location, src_srs, date, roll, frame_num,
            dl_orig, dl_georef, dl_index, geom, acquired)
        SELECT o.collection_id, c.revision + 1, o.oid, o.location, o.src_srs, o.date, o.roll, o.frame_num,
            o.dl_orig, o.dl_georef, o.dl_index, o.geom, o.acquired
        FROM old_rows AS o JOIN cogmill.collection AS c ON c.id = o.collection_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_inserted AFTER INSERT ON cogmill.tile_index
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.keep_former_rows();
CREATE TRIGGER keep_updated AFTER UPDATE ON cogmill.tile_index
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.keep_former_rows();
CREATE TRIGGER keep_deleted AFTER DELETE ON cogmill.tile_index
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.keep_former_rows();

CREATE FUNCTION cogmill.keep_former_cog() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cogmill.former_cog (key, frame_id, size, sha256, source_sha256, recipe, footprint, width, height, gsd_m,
        source_crs, transformation, cpu_s)
    VALUES (OLD.cog_key, OLD.id, OLD.cog_size, OLD.cog_sha256, OLD.source_sha256, OLD.recipe, OLD.footprint, OLD.width,
        OLD.height, OLD.gsd_m, OLD.source_crs, OLD.transformation, OLD.cpu_s)
    ON CONFLICT (key) DO UPDATE SET replaced_at = now();
    RETURN NULL;
END $$;
CREATE TRIGGER keep_former_cog AFTER UPDATE OF cog_key ON cogmill.frame
    FOR EACH ROW WHEN (OLD.cog_key IS NOT NULL AND OLD.cog_key IS DISTINCT FROM NEW.cog_key)
    EXECUTE FUNCTION cogmill.keep_former_cog();

CREATE FUNCTION cogmill.note_publication() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cogmill.publication (collection_id, revision, mapfile_sha256)
    VALUES (NEW.id, NEW.mapfile_revision, NEW.mapfile_sha256)
    ON CONFLICT (collection_id, revision) DO UPDATE SET mapfile_sha256 = excluded.mapfile_sha256;
    RETURN NULL;
END $$;
CREATE TRIGGER note_publication AFTER UPDATE OF mapfile_sha256, mapfile_revision ON cogmill.collection
    FOR EACH ROW WHEN (NEW.mapfile_sha256 IS NOT NULL) EXECUTE FUNCTION cogmill.note_publication();

GRANT SELECT, INSERT, UPDATE, DELETE ON cogmill.publication, cogmill.former_row, cogmill.former_cog TO cogmill_writer;
