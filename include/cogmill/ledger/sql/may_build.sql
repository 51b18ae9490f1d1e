UPDATE cogmill.frame SET next_try_at = now(), arrived_at = now(), changed_at = now()
WHERE cog_key = %(key)s AND state = 'arrived' AND next_try_at = 'infinity';
