"""OpenLineage datasets of uploads, COGs, tile index and mapfiles; used only where the OpenLineage provider is installed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from cogmill.pipeline import Archive


Datasets = list[Any]
"""Datasets of OpenLineage, whose class exists only where it is installed."""


def objects(archive: Archive, keys: Iterable[str]) -> Datasets:
    """Return keys of the bucket as datasets, named as OpenLineage names objects of S3."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    stored = map(archive.store.place.at, keys)
    return [Dataset(namespace=f"s3://{at['Bucket']}", name=at["Key"]) for at in stored]


def tile_index(archive: Archive) -> Any:
    """Return the tile index as a dataset, named as OpenLineage names tables of PostgreSQL."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    entry = archive.ledger.service_entry()
    place = f"postgres://{entry['host']}:{entry['port']}"
    return Dataset(namespace=place, name=f"{entry['dbname']}.cogmill.tile_index")


def lineage(inputs: Datasets, outputs: Datasets) -> OperatorLineage:
    """Return what a task read and wrote."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    return OperatorLineage(inputs=inputs, outputs=outputs)
