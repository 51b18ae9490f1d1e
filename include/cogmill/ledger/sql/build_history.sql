-- What building has cost so far, by bands folder: CPU seconds per byte of upload.
SELECT bands, sum(cpu_s)::double precision / nullif(sum(size), 0) AS cpu_s_per_byte
FROM (
    SELECT bands, cpu_s, size FROM cogmill.frame WHERE cpu_s > 0 AND size > 0 ORDER BY built_at DESC NULLS LAST LIMIT 20000
) AS latest
GROUP BY bands;
