"""Names that DAGs, operators, bundle and deployment share. Imports nothing."""

from __future__ import annotations

AWS_CONN_ID = "cogmill_s3"
"""Airflow connection with the keys, region and endpoint of the bucket."""

POSTGRES_CONN_ID = "cogmill_postgis"
"""Airflow connection with the ledger's host, database and role."""

GDAL_POOL = "gdal"
"""Pool whose slots are the CPU threads of all workers."""

PUBLISH_POOL = "publish"
"""Pool that limits how many collections are rendered and published at the same time."""

BACKFILL_POOL = "backfill"
"""Pool of backfills, apart from new uploads; one slot is enough to use what new uploads leave."""

DAG_PREFIX = "collection__"
"""What the id of a collection's DAG begins with; the collection's id follows."""


def dag_id(collection_id: str) -> str:
    """Return the id of a collection's DAG."""
    return f"{DAG_PREFIX}{collection_id}"
