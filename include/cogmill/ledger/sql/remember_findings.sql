-- What is found again keeps its age; what is not found any more has healed.
WITH healed AS (
    DELETE FROM cogmill.finding AS o
    WHERE o.kind = ANY(%(kinds)s) AND NOT EXISTS (SELECT FROM found AS n WHERE n.kind = o.kind AND n.subject = o.subject)
)
INSERT INTO cogmill.finding AS o (kind, subject, collection_id, detail)
SELECT kind, subject, collection_id, detail FROM found ORDER BY kind, subject
ON CONFLICT (kind, subject) DO UPDATE SET detail = excluded.detail, collection_id = excluded.collection_id;
