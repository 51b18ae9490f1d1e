"""The embedded stack: PostGIS, an S3 server, MapServer behind nginx, the s3fs mount and Airflow, under one supervisor.

`python -m demo.stack start` for people, `Stack` for programs and tests. Nothing here is needed in production.
"""

from demo.stack.control import Stack
from demo.stack.settings import StackSettings, load_settings

__all__ = ["Stack", "StackSettings", "load_settings"]
