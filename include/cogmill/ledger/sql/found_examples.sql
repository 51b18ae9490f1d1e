-- The first findings of each kind, with their age if they are known from an earlier night.
SELECT n.kind, n.subject, n.collection_id, n.detail, coalesce(o.first_seen, now()) AS first_seen
FROM (SELECT *, row_number() OVER (PARTITION BY kind ORDER BY subject) AS place FROM found) AS n
LEFT JOIN cogmill.finding AS o ON o.kind = n.kind AND o.subject = n.subject
WHERE n.place <= %(at_most)s
ORDER BY n.kind, n.subject;
