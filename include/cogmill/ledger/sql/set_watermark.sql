UPDATE cogmill.sweep SET
    watermark = greatest(watermark, %(known_until)s), full_at = greatest(full_at, coalesce(%(full_at)s, full_at));
