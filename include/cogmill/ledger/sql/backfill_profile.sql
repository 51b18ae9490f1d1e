SELECT profile FROM cogmill.backfill WHERE id = %(id)s;
