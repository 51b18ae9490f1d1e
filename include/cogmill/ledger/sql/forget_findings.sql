DELETE FROM cogmill.finding WHERE kind = %(kind)s AND subject = ANY(%(subjects)s);
