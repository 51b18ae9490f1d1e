-- From the end of the upload to the map.
SELECT greatest(extract(epoch FROM published_at - uploaded_at), 0)::double precision AS latency_s
FROM cogmill.frame
WHERE collection_id = %(collection_id)s AND state = 'published' AND published_at >= %(since)s
ORDER BY published_at DESC
LIMIT %(at_most)s;
