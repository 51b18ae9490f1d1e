-- Backfills: which frames are to be built again by hand, why, and how far it has come. A killed run goes on from here.

CREATE TABLE cogmill.backfill (
    id         text PRIMARY KEY,
    profile    text,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE cogmill.backfill_frame (
    backfill_id text NOT NULL REFERENCES cogmill.backfill ON DELETE CASCADE,
    frame_id    bigint NOT NULL REFERENCES cogmill.frame,
    place       integer NOT NULL,  -- order in which frames are taken
    size        bigint NOT NULL,
    outcome     text CHECK (outcome IN ('built', 'unchanged', 'rejected', 'failed', 'replaced')),
    done_at     timestamptz,
    PRIMARY KEY (backfill_id, frame_id)
);
CREATE INDEX backfill_frame_waiting ON cogmill.backfill_frame (backfill_id, place) WHERE outcome IS NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON cogmill.backfill, cogmill.backfill_frame TO cogmill_writer;
