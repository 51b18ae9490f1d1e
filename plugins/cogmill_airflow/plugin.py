"""Cogmill's plugin for the Airflow UI. Every component of Airflow imports it, so it imports nothing heavy."""

from __future__ import annotations

import logging
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from cogmill_airflow.operators.links import REPORT_ROUTE, SERVICE_LINKS, CollectionRunLink, RunReportLink
from cogmill_airflow.page import PREFIX, page

log = logging.getLogger(__name__)


class CogmillPlugin(AirflowPlugin):
    """Buttons that lead from a collection's run to its map, and the page Collections."""

    name = "cogmill"
    operator_extra_links: list[Any] = [*SERVICE_LINKS, CollectionRunLink(), RunReportLink()]
    fastapi_apps: list[Any] = [{"app": page, "url_prefix": PREFIX, "name": "Cogmill"}]
    external_views: list[Any] = [
        {
            "name": "Collections",
            "href": f"{PREFIX.strip('/')}/",  # relative: Airflow may live below a path of its own
            "url_route": "collections",
            "destination": "nav",
            "nav_top_level": True,
            "icon": f"{PREFIX.strip('/')}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX.strip('/')}/static/icon-dark.svg",
        },
        {
            "name": "Cogmill",
            "href": f"{PREFIX.strip('/')}/dags/{{DAG_ID}}",  # Airflow puts the id in: the page of a collection, or the findings
            "url_route": "cogmill",
            "destination": "dag",
            "icon": f"{PREFIX.strip('/')}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX.strip('/')}/static/icon-dark.svg",
        },
        {
            "name": "Report",
            "href": f"{PREFIX.strip('/')}/dags/{{DAG_ID}}/runs/{{RUN_ID}}",
            "url_route": REPORT_ROUTE,
            "destination": "dag_run",
            "icon": f"{PREFIX.strip('/')}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX.strip('/')}/static/icon-dark.svg",
        },
    ]

    @classmethod
    def on_load(cls, *_args: Any, **_kwargs: Any) -> None:
        """Log in each component what this host lacks to build frames; an API server needs none of it."""
        from cogmill.config.installation import find_problems  # not the settings: wrong ones are named elsewhere

        for problem in find_problems():
            log.warning("this host cannot build frames: %s", problem)
