-- Frames whose upload is gone.
INSERT INTO found
SELECT 'source_missing', f.source_key, f.collection_id, 'the frame is ' || f.state
FROM cogmill.frame AS f
WHERE f.state <> 'withdrawn' AND f.arrived_at < %(begun)s
    AND NOT EXISTS (SELECT FROM listed AS l WHERE l.key = f.source_key);
