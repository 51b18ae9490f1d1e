"""What Cogmill adds to the Airflow UI. The only file below plugins/ that Airflow scans; holds no state and imports nothing heavy."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from cogmill_airflow.links import MapPreviewLink, WmsCapabilitiesLink


class CogmillPlugin(AirflowPlugin):
    """Buttons that lead from a collection's run to its map."""

    name = "cogmill"
    operator_extra_links: ClassVar[list[Any]] = [WmsCapabilitiesLink(), MapPreviewLink()]
