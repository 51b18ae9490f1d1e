"""Form fields in which collections are chosen, from the bundle's local files, so that parsing needs no network."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import Param

from cogmill_airflow.airflow_internals import bundle_storage_root

SHARDS = "*/collections_[0-9][0-9].json"
"""Data files of the bundle of collections, below the storage of all bundles."""


def collection_ids() -> list[str]:
    """Return the ids of the collections in the bundle's files on this host; none where there are no such files."""
    found: set[str] = set()
    for shard in sorted(bundle_storage_root().glob(SHARDS)):
        try:
            found |= {entry["id"] for entry in json.loads(shard.read_bytes())}
        except (OSError, ValueError):  # being replaced, or damaged: the form offers less until the next parse
            continue
    return sorted(found)


def collections_param(description: str, **schema: Any) -> Param:
    """Return the form field in which collections are chosen.

    :param description: What it means to choose none, and whatever else a person should know.
    :param schema: More of the field's JSON schema, such as its section.
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
