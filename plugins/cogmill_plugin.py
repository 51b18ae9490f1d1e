"""What Cogmill adds to the Airflow UI. The only file below plugins/ that Airflow scans; holds no state and imports nothing heavy."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from cogmill_airflow.operators.links import MapPreviewLink, WmsCapabilitiesLink
from cogmill_airflow.page import PREFIX, page


class CogmillPlugin(AirflowPlugin):
    """Buttons that lead from a collection's run to its map, and the page of all collections."""

    name = "cogmill"
    operator_extra_links: ClassVar[list[Any]] = [WmsCapabilitiesLink(), MapPreviewLink()]
    fastapi_apps: ClassVar[list[Any]] = [{"app": page, "url_prefix": PREFIX, "name": "Cogmill"}]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Collections",
            "href": f"{PREFIX.strip('/')}/",  # relative: Airflow may live below a path of its own
            "url_route": "collections",
            "destination": "nav",
            "nav_top_level": True,
            "icon": f"{PREFIX.strip('/')}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX.strip('/')}/static/icon-dark.svg",
        }
    ]
