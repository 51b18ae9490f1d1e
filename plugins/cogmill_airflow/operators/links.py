"""Buttons in the Airflow UI that lead from a task to the map it published. Computed on the worker, stored as XCom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey
    from cogmill.domain.geo import Bounds3857

PREVIEW_PX = 1000
"""Longer side of the preview in pixels."""


def service_addresses(service_url: str, layer: str, extent: Bounds3857 | None) -> dict[str, str]:
    """Return what the buttons open; empty for a collection without a service.

    Args:
        service_url: Address of the service up to the `&` after `map=...`.
        layer: Name of its raster layer.
        extent: Of its footprints; None without frames.
    """
    if not service_url or extent is None:
        return {}
    from cogmill.mapserver.urls import capabilities_url, preview_url

    return {
        "capabilities_url": capabilities_url(service_url),
        "preview_url": preview_url(service_url, layer, extent, PREVIEW_PX),
    }


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
    """The whole collection in one picture, drawn by the MapServer that the public uses."""

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


SERVICE_LINKS = (WmsCapabilitiesLink(), MapPreviewLink())
"""Buttons of every task that knows a published service."""


def _published(operator: BaseOperator) -> dict[str, str]:
    published = getattr(operator, "published", None)
    return published if isinstance(published, dict) else {}
