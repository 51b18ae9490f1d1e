-- Raw scans that no georeferenced frame goes with: they are part of the archive too, without a place on the map.

-- What a look at a scan found: a small picture, or the reason why there is none.
CREATE TABLE cogmill.scan_picture (
    key       text PRIMARY KEY,                  -- of the scan
    collection_id text NOT NULL,
    etag      text NOT NULL,                     -- version of the scan that was looked at
    picture   text,                              -- key of the picture; null: none could be drawn
    width     integer,                           -- of the scan, pixels
    height    integer,
    reason    text,
    detail    text,
    looked_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((picture IS NULL) = (reason IS NOT NULL))
);

-- What the list of such scans says about a collection.
CREATE TABLE cogmill.scan_entry (
    collection_id text PRIMARY KEY REFERENCES cogmill.collection,
    entry         jsonb NOT NULL
);

-- Frames that were rejected or withdrawn show nothing of their scan; all others do, or will. Nothing links the scan of a mosaic, and
-- a collection that somebody took off the map is not listed in another way.
CREATE VIEW cogmill.lone_scan AS
SELECT s.key, s.collection_id, s.bands, s.stem, s.etag, s.size, s.uploaded_at
FROM cogmill.scan AS s JOIN cogmill.collection AS c ON c.id = s.collection_id
WHERE c.product <> 'mosaic' AND c.unpublished_at IS NULL AND NOT EXISTS (
    SELECT FROM cogmill.frame AS f
    WHERE f.collection_id = s.collection_id AND f.bands = s.bands AND f.scan_stem = s.stem
        AND f.state NOT IN ('rejected', 'withdrawn')
);

GRANT SELECT, INSERT, UPDATE, DELETE ON cogmill.scan_picture, cogmill.scan_entry TO cogmill_writer;
GRANT SELECT ON cogmill.lone_scan TO cogmill_writer;
