"""The DAG bundle of the DAG files that come with Cogmill, wherever it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.local import LocalDagBundle

_PACKAGE = Path(__file__).resolve().parents[1]

DAGS = _PACKAGE / "dags" if (_PACKAGE / "dags").is_dir() else _PACKAGE.parents[1] / "dags"
"""Folder of the DAG files: inside an installed package, or beside `plugins/` of a checkout and of a copied folder."""


class ProgramBundle(LocalDagBundle):
    """`watch_uploads`, `compile_indexes`, `maintenance` and the DAGs that are run by hand, of the version that is installed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(path=str(DAGS), **kwargs)
