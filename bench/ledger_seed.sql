-- A ledger as it is after years of work. Collection 0 has %(large)s frames and collection 1 has %(small)s, all published; the others
-- share the rest unevenly, with a few frames rejected, waiting, failed and withdrawn among them. Frames are those of 1:20,000 with the
-- usual overlap. The same numbers give the same ledger.

INSERT INTO cogmill.collection (id, service_name, folder, agency, year, product, revision, exported_revision, mapfile_revision,
    mapfile_sha256, triggered_at, published_at, created_at)
SELECT lower(name), name, folder, agency, year, product, 2, 2, 2, md5(name) || md5(name), seen, seen, seen
FROM (
    SELECT c, 'County' || c / 3 AS folder, (ARRAY['USDA', 'TxDOT', 'Fairchild'])[c %% 3 + 1] AS agency, (1935 + c %% 55)::text AS year,
        CASE c %% 10 WHEN 8 THEN 'index' WHEN 9 THEN 'mosaic' ELSE 'frames' END AS product,
        now() - make_interval(mins => 60 + c) AS seen
    FROM generate_series(0, %(collections)s - 1) AS c
) AS made, concat_ws('_', folder, agency, year, product) AS name;

CREATE TEMPORARY TABLE made AS
SELECT f.*, c.id AS collection_id, c.product, c.agency, c.year, c.created_at,
    CASE WHEN f.c %% 12 = 5 THEN 'nc' ELSE 'bw' END AS bands,
    CASE
        WHEN c.product = 'index' THEN c.agency || '_' || c.year || '_' || f.k
        WHEN c.product = 'mosaic' THEN 'mosaic_' || f.k
        ELSE to_char(f.day, 'MM-DD-YY') || '_' || f.roll || '-' || f.k
    END AS stem
FROM (
    SELECT g, c, row_number() OVER (PARTITION BY c ORDER BY g) AS k, g %% 9 + 1 AS roll,
        ceil(sqrt(1.8 * count(*) OVER (PARTITION BY c)))::int AS across,
        make_date(1935 + c %% 55, 1 + g %% 12, 1 + g %% 28) AS day,
        CASE WHEN c < 2 THEN 'published' WHEN dice < 40 THEN 'rejected' WHEN dice < 45 THEN 'failed' WHEN dice < 47 THEN 'arrived'
            WHEN dice < 60 THEN 'withdrawn' ELSE 'published' END AS state
    FROM (
        SELECT g, (g::bigint * 40503) %% 10000 AS dice, CASE WHEN g < %(large)s THEN 0 WHEN g < %(large)s + %(small)s THEN 1
            ELSE 2 + floor((%(collections)s - 2) * power((g::bigint * 2654435761 %% 4294967296) / 4294967296.0::float8, 1.2))::int
        END AS c
        FROM generate_series(0, %(frames)s - 1) AS g
    ) AS thrown
) AS f
JOIN cogmill.collection AS c ON c.id = lower(concat_ws('_', 'County' || f.c / 3, (ARRAY['USDA', 'TxDOT', 'Fairchild'])[f.c %% 3 + 1],
    1935 + f.c %% 55, CASE f.c %% 10 WHEN 8 THEN 'index' WHEN 9 THEN 'mosaic' ELSE 'frames' END));

INSERT INTO cogmill.frame (collection_id, source_key, bands, stem, etag, size, uploaded_at, state, reason, detail, date, roll, frame_num,
    acquired_from, acquired_to, scan_stem, source_sha256, recipe, cog_key, cog_size, cog_sha256, footprint, width, height, gsd_m,
    source_crs, cpu_s, tries, arrived_at, next_try_at, built_at, published_at, audited_at)
SELECT collection_id, folder || 'georef/' || stem || '.tif', bands, stem, md5(g::text), 45000000 + g %% 20000000, created_at, state,
    CASE state WHEN 'rejected' THEN (ARRAY['no_crs', 'truncated', 'all_blank', 'wrong_bands', 'outside_area'])[g %% 5 + 1] END,
    CASE WHEN state IN ('rejected', 'failed') THEN 'made for measuring' END,
    CASE product WHEN 'frames' THEN to_char(day, 'MM-DD-YY') WHEN 'index' THEN year ELSE 'MULTIPLE' END,
    CASE product WHEN 'frames' THEN roll::text WHEN 'index' THEN agency ELSE 'MULTIPLE' END, k::text,
    CASE product WHEN 'frames' THEN day ELSE make_date(year::int, 1, 1) END,
    CASE product WHEN 'frames' THEN day ELSE make_date(year::int, 12, 31) END,
    CASE WHEN product <> 'mosaic' THEN stem END, md5(g::text) || md5(stem), '0123456789ab',
    CASE WHEN is_built THEN folder || 'cog/' || stem || '.' || substr(md5(g::text), 1, 12) || '.tif' END,
    CASE WHEN is_built THEN 18000000 + g %% 9000000 END, CASE WHEN is_built THEN md5(stem) || md5(g::text) END,
    CASE WHEN is_built THEN ST_Rotate(ST_MakeEnvelope(x, y, x + 5200, y + 5200, 3857), radians(c %% 7), x, y) END,
    7200, 7200, 0.72, 'EPSG:26914', 4 + g %% 5, 1, created_at, created_at, created_at, created_at,
    now() - make_interval(days => g %% 30)
FROM made, LATERAL (
    SELECT bands || '/County' || c / 3 || '/' || agency || '_' || year || '/' || product || '/' AS folder,
        state IN ('published', 'withdrawn') AS is_built,
        -11800000 + (c %% 60) * 20000 + (k %% across) * 2000 AS x, 2980000 + (c / 60) * 28000 + (k / across) * 3600 AS y
) AS place
ORDER BY collection_id, k;

INSERT INTO cogmill.scan (key, collection_id, bands, stem, etag, size, uploaded_at, linked, arrived_at)
SELECT replace(source_key, '/georef/', '/scanned/'), collection_id, bands, stem, etag, size, uploaded_at, true, arrived_at
FROM cogmill.frame WHERE scan_stem IS NOT NULL AND id %% 30 <> 0
ORDER BY source_key COLLATE "C";

INSERT INTO cogmill.tile_index (oid, location, cog_key, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, geom,
    collection_id, acquired)
SELECT f.id, '/vsis3/' || %(bucket)s || '/' || cog_key, cog_key, 'EPSG:3857', date, roll, frame_num,
    CASE WHEN scan_stem IS NULL THEN 'N/A' WHEN f.id %% 30 <> 0 THEN base || replace(source_key, '/georef/', '/scanned/') END,
    base || cog_key, base || substring(cog_key FROM '^.*/cog/') || 'tile_index/' || service_name || '_idx.zip', footprint,
    collection_id, CASE WHEN acquired_from = acquired_to THEN acquired_from END
FROM cogmill.frame AS f JOIN cogmill.collection AS c ON c.id = f.collection_id,
    LATERAL (SELECT 'http://127.0.0.1:9000/' || %(bucket)s || '/' AS base) AS address
WHERE state = 'published';

INSERT INTO cogmill.publication (collection_id, revision, mapfile_sha256, published_at)
SELECT id, revision, mapfile_sha256, published_at FROM cogmill.collection;

-- The triggers that keep it were off.
UPDATE cogmill.collection AS c SET extent = measured.extent
FROM (SELECT collection_id, ST_Extent(geom) AS extent FROM cogmill.tile_index GROUP BY collection_id) AS measured
WHERE c.id = measured.collection_id;
