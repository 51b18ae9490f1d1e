ANALYZE listed;
