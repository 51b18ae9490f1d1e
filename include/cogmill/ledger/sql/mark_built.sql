-- Only the version that was built, and only by its leaseholder: a newer upload has taken the lease away.
UPDATE cogmill.frame SET
    state = 'built', source_sha256 = %(source_sha256)s, recipe = %(recipe)s,
    cog_key = %(cog_key)s, cog_size = %(cog_size)s, cog_sha256 = %(cog_sha256)s,
    footprint = ST_SetSRID(ST_GeomFromWKB(%(footprint_wkb)s), 3857),
    width = %(width)s, height = %(height)s, gsd_m = %(gsd_m)s,
    source_crs = %(source_crs)s, transformation = %(transformation)s, cpu_s = %(cpu_s)s,
    built_at = now(), changed_at = now(), lease_owner = NULL, lease_until = NULL
WHERE id = %(id)s AND etag = %(etag)s AND lease_owner = %(owner)s
RETURNING id;
