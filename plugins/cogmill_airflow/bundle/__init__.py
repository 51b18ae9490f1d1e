"""The DAG bundle of collections. Users' configuration names `cogmill_airflow.bundle.CollectionsBundle`, so that path stays.

The class is loaded on first use: DAG files import `shards` of this package, and must not load the bundle's machinery with it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CollectionsBundle"]


def __getattr__(name: str) -> Any:
    if name == "CollectionsBundle":
        from cogmill_airflow.bundle.bundle import CollectionsBundle

        return CollectionsBundle
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
