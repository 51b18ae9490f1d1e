SELECT nullif(watermark, '-infinity') AS known_until, nullif(full_at, '-infinity') AS full_at FROM cogmill.sweep;
