-- The frame ledger, the tile index that MapServer reads, and the rights of the three roles.
-- cogmill_owner runs this file; cogmill_writer is Airflow; cogmill_reader is the MapServer hosts.

CREATE TABLE cogmill.collection (
    id            text PRIMARY KEY CHECK (id ~ '^[a-z0-9_]{3,150}$'),
    service_name  text NOT NULL UNIQUE,
    folder        text NOT NULL,
    agency        text NOT NULL,
    year          text NOT NULL,
    product       text NOT NULL CHECK (product IN ('frames', 'index', 'mosaic')),
    revision          bigint NOT NULL DEFAULT 0,  -- counts changes of the tile index
    exported_revision bigint NOT NULL DEFAULT 0,  -- the revision the downloadable index files show
    mapfile_revision  bigint NOT NULL DEFAULT 0,  -- the revision the published mapfile was proven with
    mapfile_sha256    text,
    triggered_at  timestamptz,
    published_at  timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE cogmill.frame (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id text REFERENCES cogmill.collection,  -- null when the key names no collection
    source_key    text NOT NULL UNIQUE,
    bands         text,
    stem          text,
    etag          text NOT NULL,
    size          bigint NOT NULL,
    uploaded_at   timestamptz NOT NULL,
    state         text NOT NULL CHECK
        (state IN ('arrived', 'building', 'built', 'published', 'rejected', 'failed', 'withdrawn')),
    reason        text,
    detail        text,
    date          text,
    roll          text,
    frame_num     text,
    acquired_from date,
    acquired_to   date,
    scan_stem     text,
    source_sha256 text,
    recipe        text,
    cog_key       text,
    cog_size      bigint,
    cog_sha256    text,
    footprint     geometry(Polygon, 3857),
    width         integer,
    height        integer,
    gsd_m         double precision,
    source_crs    text,
    transformation text,
    cpu_s         real,
    tries         integer NOT NULL DEFAULT 0,
    next_try_at   timestamptz NOT NULL DEFAULT now(),
    lease_owner   text,
    lease_until   timestamptz,
    arrived_at    timestamptz NOT NULL DEFAULT now(),
    built_at      timestamptz,
    published_at  timestamptz,
    changed_at    timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'rejected') = (reason IS NOT NULL)),
    CHECK (state NOT IN ('built', 'published') OR (cog_key IS NOT NULL AND footprint IS NOT NULL))
);
CREATE INDEX frame_of_collection ON cogmill.frame (collection_id, state);
CREATE INDEX frame_by_stem ON cogmill.frame (collection_id, bands, stem);
CREATE INDEX frame_by_scan ON cogmill.frame (collection_id, bands, scan_stem);
CREATE INDEX frame_unfinished ON cogmill.frame (next_try_at) WHERE state IN ('arrived', 'building', 'built', 'failed');

CREATE TABLE cogmill.scan (
    key           text PRIMARY KEY,
    collection_id text NOT NULL REFERENCES cogmill.collection,
    bands         text NOT NULL,
    stem          text NOT NULL,
    etag          text NOT NULL,
    size          bigint NOT NULL,
    uploaded_at   timestamptz NOT NULL,
    linked        boolean NOT NULL DEFAULT false,  -- false until the tile index has seen it
    arrived_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX scan_by_stem ON cogmill.scan (collection_id, bands, stem);
CREATE INDEX scan_unlinked ON cogmill.scan (collection_id) WHERE NOT linked;

-- Columns of the old system first, in its order; consumers know them.
CREATE TABLE cogmill.tile_index (
    oid           bigint PRIMARY KEY REFERENCES cogmill.frame,
    location      text NOT NULL,
    src_srs       text NOT NULL,
    date          text NOT NULL,
    roll          text NOT NULL,
    frame_num     text NOT NULL,
    dl_orig       text,
    dl_georef     text NOT NULL,
    dl_index      text NOT NULL,
    geom          geometry(Polygon, 3857) NOT NULL,
    collection_id text NOT NULL REFERENCES cogmill.collection,
    acquired      date
);
CREATE INDEX tile_index_geom ON cogmill.tile_index USING gist (collection_id, geom);
CREATE INDEX tile_index_order ON cogmill.tile_index (collection_id, location);

-- COGs that no index row names any more; deleted after the grace period.
CREATE TABLE cogmill.retired_cog (
    key        text PRIMARY KEY,
    frame_id   bigint NOT NULL REFERENCES cogmill.frame,
    retired_at timestamptz NOT NULL DEFAULT now()
);

-- One row: up to where the bucket is known without asking for each key.
CREATE TABLE cogmill.sweep (
    single    boolean PRIMARY KEY DEFAULT true CHECK (single),
    watermark timestamptz NOT NULL DEFAULT '-infinity',
    full_at   timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO cogmill.sweep DEFAULT VALUES;

GRANT USAGE ON SCHEMA cogmill TO cogmill_writer, cogmill_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA cogmill TO cogmill_writer;
GRANT SELECT ON cogmill.tile_index TO cogmill_reader;
ALTER ROLE cogmill_reader SET statement_timeout = '5s';
