INSERT INTO cogmill.backfill_frame (backfill_id, frame_id, place, size)
SELECT %(id)s, frame_id, place, size
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (frame_id bigint, place integer, size bigint);
