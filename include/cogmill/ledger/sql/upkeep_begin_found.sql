CREATE TEMPORARY TABLE IF NOT EXISTS found (
    kind text NOT NULL, subject text NOT NULL, collection_id text, detail text NOT NULL DEFAULT '',
    PRIMARY KEY (kind, subject)
);
