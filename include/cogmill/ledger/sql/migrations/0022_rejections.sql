-- Rejected uploads are listed by reason and by name, however many frames are on the map.

CREATE INDEX frame_rejected_by_reason ON cogmill.frame (reason, changed_at DESC, id DESC) WHERE state = 'rejected';
CREATE INDEX frame_rejected_by_key ON cogmill.frame (source_key) WHERE state = 'rejected';
