SELECT count(*) AS frames, count(b.outcome) AS done, coalesce(sum(b.size), 0)::bigint AS bytes,
    coalesce(sum(b.size) FILTER (WHERE b.outcome IS NOT NULL), 0)::bigint AS bytes_done,
    count(*) FILTER (WHERE b.outcome = 'built') AS built, count(*) FILTER (WHERE b.outcome = 'unchanged') AS unchanged,
    count(*) FILTER (WHERE b.outcome = 'rejected') AS rejected, count(*) FILTER (WHERE b.outcome = 'failed') AS failed,
    coalesce(extract(epoch FROM max(b.done_at) - min(s.created_at)), 0)::double precision AS seconds
FROM cogmill.backfill AS s JOIN cogmill.backfill_frame AS b ON b.backfill_id = s.id
WHERE s.id = %(id)s;
