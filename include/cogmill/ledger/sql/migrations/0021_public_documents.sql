-- Static files for the public: which are in the bucket, and what the list of services says about each collection.

CREATE TABLE cogmill.public_document (
    key           text PRIMARY KEY,
    collection_id text NOT NULL,  -- empty for those of the whole archive
    sha256        text NOT NULL,
    size          bigint NOT NULL,
    stored_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX public_document_of_collection ON cogmill.public_document (collection_id);

CREATE TABLE cogmill.public_entry (
    collection_id text PRIMARY KEY REFERENCES cogmill.collection,
    entry         jsonb NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON cogmill.public_document, cogmill.public_entry TO cogmill_writer;
