-- Frames that are not done, and the age of the oldest. Those that wait for a person are not counted.
SELECT count(*) AS frames, coalesce(extract(epoch FROM now() - min(arrived_at)), 0)::double precision AS age_s
FROM cogmill.frame
WHERE state IN ('arrived', 'building', 'built', 'failed') AND next_try_at < 'infinity';
