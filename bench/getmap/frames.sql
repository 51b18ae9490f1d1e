-- Frames of one survey as they are when their COGs are built and nothing is published: row by row from north to south.

INSERT INTO cogmill.collection (id, service_name, folder, agency, year, product)
VALUES (%(id)s, %(name)s, %(folder)s, %(agency)s, %(year)s, %(product)s);

INSERT INTO cogmill.frame (collection_id, source_key, bands, stem, etag, size, uploaded_at, state, date, roll, frame_num,
    acquired_from, acquired_to, source_sha256, recipe, cog_key, cog_size, cog_sha256, footprint, width, height, gsd_m, source_crs)
SELECT %(id)s, replace(key, '/cog/', '/georef/'), 'bw', regexp_replace(key, '^.*/([^/.]*)[.].*$', '\1'), md5(key), %(size)s, now(),
    'built', '06-15-51', row::text, col::text, '1951-06-15', '1951-06-15', md5(key), %(digest)s, key, %(size)s, md5(key),
    ST_Translate(ST_GeomFromWKB(decode(%(footprint)s, 'hex'), 3857), col * %(east)s, -row * %(south)s),
    %(width)s, %(height)s, %(gsd_m)s, 'EPSG:26914'
FROM (
    SELECT n / %(columns)s AS row, n %% %(columns)s AS col FROM generate_series(0, %(frames)s - 1) AS n
) AS places, LATERAL (
    SELECT %(prefix)s || 'cog/06-15-51_' || lpad(row::text, 3, '0') || '-' || lpad(col::text, 3, '0') || '.' || %(digest)s || '.tif' AS key
) AS named
ORDER BY key;

INSERT INTO cogmill.outlined_cog (key, margin_m) SELECT cog_key, %(margin_m)s FROM cogmill.frame WHERE collection_id = %(id)s;
