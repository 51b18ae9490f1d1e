-- The read side for programs: counts of the whole archive, and everything that is public now.

-- name: count_states()
-- How many frames are in each state, over the whole archive.
SELECT state, count(*) AS frames FROM cogmill.frame GROUP BY state;

-- name: queue()
-- Frames that are not done, and the age of the oldest. Those that are held back are not counted.
SELECT count(*) AS frames, coalesce(extract(epoch FROM now() - min(arrived_at)), 0)::double precision AS age_s
FROM cogmill.frame
WHERE state IN ('arrived', 'building', 'built', 'failed') AND hold IS NULL;

-- name: publication_latencies(collection_id, since, at_most)
-- From the end of the upload to the map.
SELECT greatest(extract(epoch FROM published_at - uploaded_at), 0)::double precision AS latency_s
FROM cogmill.frame
WHERE collection_id = :collection_id AND state = 'published' AND published_at >= :since
ORDER BY published_at DESC
LIMIT :at_most;

-- name: cog_keys(ids)
-- COG keys of those of some frames that have a COG.
SELECT source_key, cog_key FROM cogmill.frame WHERE id = ANY(:ids) AND cog_key IS NOT NULL ORDER BY source_key;

-- name: public_services()
-- Every service that is public now, with what its tile index says as a whole.
SELECT c.id, c.folder, c.agency, c.year, c.product, c.published_at, count(*) AS frames,
    array_agg(DISTINCT f.bands) AS bands, min(f.acquired_from) AS first_day, max(f.acquired_to) AS last_day,
    min(ST_XMin(t.geom)) AS xmin, min(ST_YMin(t.geom)) AS ymin, max(ST_XMax(t.geom)) AS xmax, max(ST_YMax(t.geom)) AS ymax
FROM cogmill.collection AS c
JOIN cogmill.tile_index AS t ON t.collection_id = c.id
JOIN cogmill.frame AS f ON f.id = t.oid
WHERE c.mapfile_sha256 IS NOT NULL
GROUP BY c.id
ORDER BY c.id COLLATE "C";

-- name: public_frames(collection_id)
-- The footprints of one public service in longitude and latitude; null for one outside the square world of EPSG:3857, which
-- PROJ would quietly fold back into it.
SELECT t.dl_orig, t.dl_georef, t.dl_index, t.date, t.roll, t.frame_num, t.acquired,
    CASE WHEN t.geom @ ST_MakeEnvelope(-20037509, -20037509, 20037509, 20037509, 3857)
        THEN ST_AsBinary(ST_Transform(t.geom, 4326)) END AS geom_wkb
FROM cogmill.tile_index AS t
WHERE t.collection_id = :collection_id
ORDER BY t.location COLLATE "C";

-- name: lost_statement(own, pid)
-- Whether the server runs no statement of the process `pid`; unknown, so false, behind a pooler, where not even the own number is right.
SELECT pg_backend_pid() = :own
    AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = :pid AND state = 'active') AS lost;
