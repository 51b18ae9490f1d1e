-- What nightly maintenance needs: a memory of what it found, the turn of each COG to be read again, and services withdrawn on purpose.

-- One row per disagreement between the layers that is not mended yet; first_seen begins its grace period.
CREATE TABLE cogmill.finding (
    kind          text NOT NULL,
    subject       text NOT NULL,
    collection_id text,
    detail        text NOT NULL DEFAULT '',
    first_seen    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, subject)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON cogmill.finding TO cogmill_writer;

-- COGs of which nothing but the object is known can be retired too.
ALTER TABLE cogmill.retired_cog ALTER COLUMN frame_id DROP NOT NULL;

ALTER TABLE cogmill.frame ADD COLUMN audited_at timestamptz;  -- when every byte of its COG was last read and hashed
CREATE INDEX frame_audit ON cogmill.frame (audited_at NULLS FIRST, id) WHERE state = 'published';

-- Set when somebody deleted the mapfile: the service is gone on purpose, although its uploads are still there.
ALTER TABLE cogmill.collection ADD COLUMN unpublished_at timestamptz;

-- A new upload brings the whole collection back, as it always did.
CREATE FUNCTION cogmill.publish_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cogmill.collection SET unpublished_at = NULL WHERE id = NEW.collection_id AND unpublished_at IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER publish_again AFTER INSERT OR UPDATE OF state ON cogmill.frame
    FOR EACH ROW WHEN (NEW.state = 'arrived') EXECUTE FUNCTION cogmill.publish_again();

-- The comparison works on a private copy of the bucket's listing.
DO $$ BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO cogmill_writer', current_database());
END $$;
