"""The DAG bundle that makes a DAG of each collection of the ledger, on every host that parses or runs DAGs."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import structlog
from airflow.dag_processing.bundles.base import BaseDagBundle
from airflow.sdk import conf, get_parsing_context

from cogmill_airflow.airflow_internals import request_parsing
from cogmill_airflow.bundle.form_renewal import FORMS, FormRenewal
from cogmill_airflow.bundle.shards import Entry, holds_dag, write_shards
from cogmill_airflow.names import POSTGRES_CONN_ID

log = structlog.get_logger(__name__)

_ID = re.compile(r"[\w.-]{1,200}")
"""What Airflow accepts after `collection__` in a DAG id, which has at most 250 characters."""


class CollectionsBundle(BaseDagBundle):
    """One DAG per collection of the ledger.

    The dag processor fetches the list at each refresh. A worker fetches it only when its files do not hold the DAG whose task it
    starts, or were written by another version, so that a task costs no query. Parsing reads local files alone. While the ledger
    does not answer, the last files stay.

    :param postgres_conn_id: Connection used for the ledger.
    """

    supports_versioning = False

    def __init__(self, *, postgres_conn_id: str = POSTGRES_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.postgres_conn_id = postgres_conn_id
        self._just_changed: set[Path] = set()
        self._known: Any = None
        interval_s = conf.getint("core", "min_serialized_dag_update_interval", fallback=30)
        self._forms = FormRenewal(time.monotonic, interval_s)

    @property
    def path(self) -> Path:
        """Folder of the shards, below Airflow's storage of bundles."""
        return self.base_dir

    def get_current_version(self) -> None:
        """Return None: the list has no versions."""

    def initialize(self) -> None:
        """Make sure that the files exist, and on a worker that they hold the wanted DAG in this version's format."""
        self.path.mkdir(parents=True, exist_ok=True)
        wanted = get_parsing_context().dag_id
        if wanted is None or not holds_dag(self.path, wanted):
            self.refresh()
        super().initialize()

    def refresh(self) -> None:
        """Fetch the list and rewrite what changed; safe to run in several processes at once.

        In the dag processor, also have the DAGs parsed again whose forms offer collections, when those are others now.
        """
        self._write_files()
        if get_parsing_context().dag_id is None and self._forms.is_due():
            try:
                request_parsing(FORMS)
            except Exception:  # forms that are old for a while must not keep new collections from their DAGs
                log.exception("forms_not_renewed", bundle=self.name)

    def _write_files(self) -> None:
        from cogmill.config.collection_files import collections_with_files
        from cogmill.config.settings import load_settings
        from cogmill.domain.errors import ServiceUnavailableError

        from cogmill_airflow.connections import ledger_from_connection

        # fetched inside the lock: a slower process must not put an older list over a newer one
        with self.lock():
            try:
                with ledger_from_connection(self.postgres_conn_id) as ledger:
                    rows = ledger.collections.all()
            except ServiceUnavailableError as err:
                log.warning("collections_kept", bundle=self.name, error=str(err))
                return
            files = collections_with_files(load_settings().collections_dir)
            if (rows, files) == self._known and not self._just_changed:
                return
            changed = write_shards(self.path, self._entries(rows, {collection for collection, _ in files}))
            self._known = (rows, files)
            # Airflow misses a change made while it parses the same file; a second change of its time makes it parse again
            for dag_file in self._just_changed - changed:
                if dag_file.exists():
                    os.utime(dag_file)
            self._just_changed = changed
        if changed:
            self._forms.changed()
            log.info("collections_changed", bundle=self.name, collections=len(rows), files=len(changed))

    def _entries(self, rows: Sequence[Mapping[str, Any]], with_files: AbstractSet[str]) -> Sequence[Entry]:
        from cogmill.config.settings import load_settings
        from cogmill.domain.model import Collection, Product

        settings = load_settings()
        entries = []
        for row in rows:
            collection = Collection(row["folder"], row["agency"], row["year"], Product(row["product"]))
            if not _ID.fullmatch(collection.id):
                log.error("collection_without_dag", bundle=self.name, collection=collection.id)
                continue
            entries.append(
                {
                    "id": collection.id,
                    "service_name": collection.service_name,
                    "county": collection.county,
                    "agency": collection.agency,
                    "year": collection.year,
                    "product": str(collection.product),
                    "gdal_slots": settings.build_processes * settings.build_threads,
                    **(self._tasks(collection.id) if collection.id in with_files else {}),
                }
            )
        return entries

    def _tasks(self, collection_id: str) -> dict[str, Any]:
        """Return what a collection's file says of its tasks; a wrong file changes nothing, and its frames name the mistake."""
        from cogmill.config.collection_files import load_collection_config
        from cogmill.config.settings import load_settings
        from cogmill.domain.errors import ConfigurationError

        try:
            config = load_collection_config(load_settings().collections_dir, collection_id)
        except ConfigurationError as err:
            log.warning("collection_file_wrong", bundle=self.name, collection=collection_id, error=str(err))
            return {}
        return {"tasks": config.tasks.model_dump(exclude_none=True)} if config and config.tasks else {}
