-- Only the scans that were there when the rows were read: one that came since is still to be linked.
UPDATE cogmill.scan SET linked = true WHERE key = ANY(%(keys)s);
