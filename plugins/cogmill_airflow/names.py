"""Names that DAGs, operators, bundle and deployment share. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


TAG = "cogmill"
"""Tag of every DAG."""


def dag_id(collection_id: str) -> str:
    """Return the id of a collection's DAG."""
    return f"{DAG_PREFIX}{collection_id}"


def dag_title(entry: Mapping[str, Any]) -> str:
    """Return the name under which Airflow shows a collection's DAG, the county first, because its search looks at beginnings.

    >>> dag_title({"service_name": "StratMap_Hays_AMS_1950_frames", "county": "Hays"})
    'Hays AMS 1950 frames (StratMap)'
    >>> dag_title({"service_name": "USDA_1951_frames", "county": ""})
    'USDA 1951 frames'

    Args:
        entry: `service_name` and `county` of the collection.
    """
    before, county, after = str(entry["service_name"]).partition(entry["county"]) if entry["county"] else ("", "", "")
    if not county:
        return str(entry["service_name"]).replace("_", " ")
    source = before.replace("_", " ").strip()
    return f"{county}{after}".replace("_", " ") + (f" ({source})" if source else "")


def task(task_id: str) -> dict[str, Any]:
    """Return a task's id and the words under which Airflow shows it, as arguments of its operator.

    >>> task("build_cogs")
    {'task_id': 'build_cogs', 'task_display_name': 'Build COGs'}
    """
    words = task_id.replace("_", " ")
    return {"task_id": task_id, "task_display_name": (words[0].upper() + words[1:]).replace("cogs", "COGs")}
