"""The service of each collection as an Airflow asset, with an event whenever the service changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Asset, AssetAlias

if TYPE_CHECKING:
    from airflow.sdk import Context
    from cogmill.pipeline import Archive
    from cogmill.pipeline.publish import Published
    from pydantic import JsonValue

ALIAS = "cogmill_services"
"""Alias of all services: a DAG scheduled on it runs after any of them has changed."""


def services() -> AssetAlias:
    """Return the outlet of tasks that publish. It is an alias, because a plain asset would have an event also without a change."""
    return AssetAlias(name=ALIAS, group="cogmill")


def service(collection_id: str) -> Asset:
    """Return the asset of one collection's service, to be used in `schedule=`.

    :param collection_id: The collection.
    """
    return Asset(name=collection_id, uri=f"cogmill://{collection_id}", group="cogmill")


def emit_service_changed(context: Context, archive: Archive, collection_id: str, published: Published) -> None:
    """Emit the event of a service that has changed.

    :param archive: Archive in which it was published.
    :param collection_id: Collection of the service.
    :param published: Result of the publication.
    """
    from cogmill.domain.keys import mapfile_key

    extra: dict[str, JsonValue] = {
        "frames": published.frames,
        "service_url": published.service_url,
        "mapfile": f"s3://{archive.store.bucket}/{mapfile_key(collection_id)}",
    }
    context["outlet_events"][services()].add(service(collection_id), extra=extra)
