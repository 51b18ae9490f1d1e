"""Each collection's service as an Airflow asset, with an event whenever what it shows has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Asset, AssetAlias

if TYPE_CHECKING:
    from airflow.sdk import Context
    from cogmill.pipeline import Archive
    from cogmill.pipeline.publish import Published

ALIAS = "cogmill_services"
"""Alias of all services: a DAG scheduled on it runs after any of them has changed."""


def services() -> AssetAlias:
    """Return the outlet of tasks that publish. An alias, because a plain asset would have an event also when nothing changed."""
    return AssetAlias(name=ALIAS, group="cogmill")


def service(collection_id: str) -> Asset:
    """Return the service of one collection, to be used in `schedule=`.

    :param collection_id: The collection.
    """
    return Asset(name=collection_id, uri=f"cogmill://{collection_id}", group="cogmill")


def changed_service(context: Context, archive: Archive, collection_id: str, published: Published) -> None:
    """Say that a service shows something else than before.

    :param context: Context of the publishing task.
    :param archive: Where it was published.
    :param collection_id: The collection.
    :param published: What was done.
    """
    from cogmill.domain.keys import mapfile_key

    extra = {
        "frames": published.frames,
        "service_url": published.service_url,
        "mapfile": f"s3://{archive.store.bucket}/{mapfile_key(collection_id)}",
    }
    context["outlet_events"][services()].add(service(collection_id), extra=extra)
