"""What the forms offer to choose from: the collections that the bundle has written to local files, so that parsing asks nobody."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import Param

SHARDS = "*/collections_[0-9][0-9].json"
"""Data files of the bundle of collections, below the bundles' storage."""


def collection_ids() -> list[str]:
    """Return the ids of all collections known on this host; none where no DAG file of them is kept."""
    from airflow.dag_processing.bundles.base import get_bundle_storage_root_path

    found: set[str] = set()
    for shard in sorted(get_bundle_storage_root_path().glob(SHARDS)):
        try:
            found |= {entry["id"] for entry in json.loads(shard.read_bytes())}
        except (OSError, ValueError):  # replaced or damaged right now: the form offers less for a moment
            continue
    return sorted(found)


def collections_param(description: str, **schema: Any) -> Param:
    """Return the field of a form in which collections are chosen.

    :param description: What it means to choose none, and whatever else must be said.
    :param schema: More of the field, such as its section.
    """
    return Param(
        default=None,
        type=["null", "array"],
        items={"type": "string"},
        examples=collection_ids(),
        title="Collections",
        description=description,
        **schema,
    )
