"""Cogmill: georeferenced aerial frames in, Cloud-Optimized GeoTIFFs and web map services out.

Pure Python with no import of airflow. `pipeline` is the way in; it alone knows both the pure modules and the two edges,
`aws` (S3, SQS) and `ledger` (PostGIS).
"""

__version__ = "0.2.0"
"""The version of the package, of the Airflow provider and of the plugin; the wheel reads it here."""
