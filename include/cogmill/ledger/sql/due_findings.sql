-- Findings of one kind whose grace period is over, oldest first.
SELECT kind, subject, collection_id, detail, first_seen
FROM cogmill.finding
WHERE kind = %(kind)s AND first_seen <= now() - make_interval(secs => %(grace_s)s)
ORDER BY first_seen, subject
LIMIT %(at_most)s;
