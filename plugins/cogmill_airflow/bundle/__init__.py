"""The DAG bundles. Users' configuration names `cogmill_airflow.bundle.CollectionsBundle` and `.ProgramBundle`, so those paths stay.

The classes are loaded on first use: DAG files import `shards` of this package, and must not load the bundles' machinery with it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {"CollectionsBundle": "bundle", "ProgramBundle": "program"}

__all__ = ["CollectionsBundle", "ProgramBundle"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
