"""Cogmill: georeferenced aerial frames in, Cloud-Optimized GeoTIFFs and web map services out.

Pure Python with no import of airflow. `pipeline` is the way in; it alone knows both the pure modules and the two edges,
`store` (S3) and `ledger` (PostGIS).
"""
