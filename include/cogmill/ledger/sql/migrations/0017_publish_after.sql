-- A service that cannot be published waits before the next try, longer each time.

ALTER TABLE cogmill.collection
    ADD COLUMN publish_failures integer NOT NULL DEFAULT 0,
    ADD COLUMN publish_after timestamptz;  -- null: nothing stands against it
