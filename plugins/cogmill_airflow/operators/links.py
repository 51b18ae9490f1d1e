"""Buttons in the Airflow UI that lead from a task to the map it published. Computed on the worker, stored as XCom."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


REPORT_ROUTE = "report"
"""Last part of the address of a run's page, where the plugin registers it."""


def service_addresses(service_url: str, picture_url: str) -> dict[str, str]:
    """Return what the buttons open; empty for a collection without a service.

    Args:
        service_url: Address of the service up to the `&` after `map=...`.
        picture_url: Address of the picture of the whole collection, which the task after this one stores.
    """
    if not service_url:
        return {}
    from cogmill.mapserver.urls import capabilities_url

    return {"capabilities_url": capabilities_url(service_url), "preview_url": picture_url}


class WmsCapabilitiesLink(BaseOperatorLink):
    """The capabilities of the collection's WMS."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "WMS capabilities"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the service, the same for every run; empty while nothing is published.

        :param operator: The operator that has just run, with its `published` result.
        :param ti_key: Not used.
        """
        return _published(operator).get("capabilities_url", "")


class MapPreviewLink(BaseOperatorLink):
    """The whole collection in one picture, as the last run stored it."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Map preview"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the picture, the same for every run; empty while nothing is published.

        :param operator: The operator that has just run, with its `published` result.
        :param ti_key: Not used.
        """
        return _published(operator).get("preview_url", "")


class CollectionRunLink(BaseOperatorLink):
    """The run of the collection that takes the uploads: the one that was triggered, else all runs, where one waits already."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Run of the collection"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the run, or of the list of runs; empty when no collection has work.

        :param operator: The operator that has just run.
        :param ti_key: Not used.
        """
        if not getattr(operator, "collection_id", ""):
            return ""
        runs = f"/dags/{operator.trigger_dag_id}/runs"  # type: ignore[attr-defined]
        found = getattr(operator, "found_run", None)
        return f"{runs}/{quote(found, safe='')}" if found else runs


class RunReportLink(BaseOperatorLink):
    """What the run reported, as a page beside it."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Report of this run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the tab *Report* of the run.

        :param operator: Not used.
        :param ti_key: The task whose run it is.
        """
        return f"/dags/{ti_key.dag_id}/runs/{quote(ti_key.run_id, safe='')}/plugin/{REPORT_ROUTE}"


SERVICE_LINKS = (WmsCapabilitiesLink(), MapPreviewLink())
"""Buttons of every task that knows a published service."""


def _published(operator: BaseOperator) -> dict[str, str]:
    published = getattr(operator, "published", None)
    return published if isinstance(published, dict) else {}
