-- x.tif and x.TIF would be one frame twice; the one that is there stays, and of those that come together the first.
UPDATE cogmill.frame AS f SET state = 'rejected', reason = %(reason)s,
    detail = 'the same name as ' || o.source_key, changed_at = now()
FROM cogmill.frame AS o
WHERE f.id = ANY(%(ids)s) AND f.state = 'arrived'
    AND o.collection_id = f.collection_id AND o.bands = f.bands AND o.stem = f.stem AND o.id <> f.id
    AND o.state NOT IN ('rejected', 'withdrawn') AND (o.id < f.id OR o.id <> ALL(%(ids)s))
RETURNING f.source_key, f.detail;
