-- Names are compared in composed Unicode (NFC), and folders in any capital letters.

-- Both spellings of an accent are one name from now on; the links that this makes are written with the next run.
UPDATE cogmill.scan SET stem = normalize(stem, NFC), linked = false WHERE stem IS NOT NFC NORMALIZED;
UPDATE cogmill.frame SET scan_stem = normalize(scan_stem, NFC) WHERE scan_stem IS NOT NFC NORMALIZED;
UPDATE cogmill.frame SET stem = normalize(stem, NFC) WHERE stem IS NOT NFC NORMALIZED;
UPDATE cogmill.scan AS s SET linked = false
FROM cogmill.frame AS f
WHERE s.linked AND f.collection_id = s.collection_id AND f.bands = s.bands AND f.scan_stem = s.stem
    AND f.source_key IS NOT NFC NORMALIZED;

-- Uploads that were rejected for the capital letters of their folders are ingested by the next full sweep.
UPDATE cogmill.frame SET state = 'withdrawn', reason = NULL, changed_at = now(),
    detail = 'was rejected for capital letters; ingested with the next full sweep'
WHERE state = 'rejected' AND reason = 'bad_name' AND detail LIKE '%: this collection is written %, with other capital letters';
