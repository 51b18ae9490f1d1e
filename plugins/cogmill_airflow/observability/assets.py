"""The service of each collection, and the index of all, as Airflow assets, with an event whenever they change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow.sdk import Asset, AssetAlias

if TYPE_CHECKING:
    from airflow.sdk import Context
    from cogmill.pipeline import Archive
    from pydantic import JsonValue

ALIAS = "cogmill_services"
"""Alias of all services: a DAG scheduled on it runs after any of them has changed."""


INDEX = "compiled_indexes"
"""Asset of the index of the whole archive."""

INDEX_ALIAS = "cogmill_indexes"
"""Alias of the index: a DAG scheduled on it runs after its files have changed."""


def services() -> AssetAlias:
    """Return the outlet of tasks that publish. It is an alias, because a plain asset would have an event also without a change."""
    return AssetAlias(name=ALIAS, group="cogmill")


def service(collection_id: str) -> Asset:
    """Return the asset of one collection's service, to be used in `schedule=`.

    :param collection_id: The collection.
    """
    return Asset(name=collection_id, uri=f"cogmill://{collection_id}", group="cogmill")


def indexes() -> AssetAlias:
    """Return the outlet of the task that compiles the index of the archive."""
    return AssetAlias(name=INDEX_ALIAS, group="cogmill")


def emit_service_changes(context: Context, archive: Archive) -> None:
    """Emit one event for each service that the task has changed.

    :param archive: What the task has worked on; it knows the changes.
    """
    from cogmill.domain.keys import mapfile_key
    from cogmill.mapserver.urls import capabilities_url

    frames: Counter[str] = Counter()
    for change in archive.changes:
        frames[change.collection_id] += change.frames
    for collection_id, change in {change.collection_id: change for change in archive.changes}.items():
        extra: dict[str, JsonValue] = {
            "collection": collection_id,
            "change": change.change,
            "revision": change.revision,
            "frames": frames[collection_id],
            "service_url": change.service_url,
            "capabilities_url": capabilities_url(change.service_url) if change.service_url else "",
            "mapfile": archive.store.place.uri(mapfile_key(collection_id)),
        }
        context["outlet_events"][services()].add(service(collection_id), extra=extra)


def emit_indexes_compiled(context: Context, archive: Archive, keys: Sequence[str], features: int) -> None:
    """Emit the event of a compiled index of which files have changed.

    :param archive: Whose index it is.
    :param keys: Files that changed.
    :param features: Footprints in it.
    """
    files: list[JsonValue] = [archive.store.place.uri(key) for key in keys]
    asset = Asset(name=INDEX, uri=f"cogmill://{INDEX}", group="cogmill")
    context["outlet_events"][indexes()].add(asset, extra={"files": files, "features": features})
