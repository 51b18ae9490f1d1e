-- Files beside uploads that say where those lie, of the kinds that the site takes. A row tells which version was seen last; the bucket
-- tells whether it is still there.
CREATE TABLE cogmill.sidecar (
    key           text PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('world_file', 'aux_xml')),
    collection_id text NOT NULL,                 -- of the frame, which may come later
    bands         text NOT NULL,
    stem          text NOT NULL,                 -- of the frame's name
    etag          text NOT NULL,
    size          bigint NOT NULL,
    uploaded_at   timestamptz NOT NULL
);
CREATE INDEX sidecar_by_stem ON cogmill.sidecar (collection_id, bands, stem);

GRANT SELECT, INSERT, UPDATE, DELETE ON cogmill.sidecar TO cogmill_writer;
