"""How uploads are noticed: by listing the bucket, or by notifications about it; and which scans nothing goes with."""
