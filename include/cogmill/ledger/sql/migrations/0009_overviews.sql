-- Overviews of collections: cells of a pyramid from which MapServer draws maps of many frames.

ALTER TABLE cogmill.collection
    ADD COLUMN overview_levels   smallint[] NOT NULL DEFAULT '{}',  -- its levels, finest first; none: it needs no cells
    ADD COLUMN overview_revision bigint NOT NULL DEFAULT 0;  -- the revision of the tile index that the cells show

CREATE TABLE cogmill.overview (
    oid           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id text NOT NULL REFERENCES cogmill.collection,
    level         smallint NOT NULL,
    x             integer NOT NULL,
    y             integer NOT NULL,
    acquired      date,              -- the day that the cell shows; null when it shows several
    all_days      boolean NOT NULL,  -- it shows every frame there, whatever the day
    key           text NOT NULL UNIQUE,
    location      text NOT NULL,
    src_srs       text NOT NULL,
    size          bigint NOT NULL,
    sha256        text NOT NULL,
    geom          geometry(Polygon, 3857) NOT NULL,
    built_at      timestamptz NOT NULL DEFAULT now(),
    CHECK (all_days OR acquired IS NOT NULL)
);
CREATE INDEX overview_geom ON cogmill.overview USING gist (collection_id, level, geom);

-- Cells that no row names any more; deleted after the grace period.
CREATE TABLE cogmill.retired_overview (
    key        text PRIMARY KEY,
    shown      jsonb,  -- what its row held; null for an object that never had one
    retired_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE, DELETE ON cogmill.overview, cogmill.retired_overview TO cogmill_writer;
GRANT SELECT ON cogmill.overview TO cogmill_reader;
