-- What maintenance and a run that was cut short must know about overviews.

ALTER TABLE cogmill.collection
    ADD COLUMN mapfile_levels smallint[] NOT NULL DEFAULT '{}';  -- the levels of overviews that the published mapfile draws

ALTER TABLE cogmill.overview
    ADD COLUMN audited_at timestamptz;  -- when the cell was read again for the last time
