-- Uploads are found by any part of their keys: by the parts of three letters that a rare text has, or from the latest upload on.

CREATE INDEX frame_by_key_part ON cogmill.frame USING gin (lower(source_key) gin_trgm_ops);
CREATE INDEX scan_by_key_part ON cogmill.scan USING gin (lower(key) gin_trgm_ops);
CREATE INDEX frame_latest ON cogmill.frame (uploaded_at DESC, id);
CREATE INDEX scan_latest ON cogmill.scan (uploaded_at DESC, key);
