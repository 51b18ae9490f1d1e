"""Runs in a scratch environment, without pytest: prints what Airflow makes of the Cogmill it finds there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import airflow  # first: it finds the folder of plugins, where cogmill may lie
import cogmill
import cogmill_airflow
from airflow import plugins_manager
from airflow.api_fastapi.app import create_app
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag
from cogmill.config.places import TEMPLATES
from cogmill.ledger.migrate import MIGRATIONS
from cogmill_airflow.bundle.shards import write_shards
from starlette.testclient import TestClient

COLLECTION = {
    "id": "travis_usda_1951_frames",
    "service_name": "Travis_USDA_1951_frames",
    "county": "Travis",
    "agency": "USDA",
    "year": "1951",
    "product": "frames",
    "gdal_slots": 2,
}


def dags() -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the DAGs of each bundle, and all import errors; the ledger's list of collections is written here."""
    found, errors = {}, {}
    for bundle in DagBundlesManager().get_all_dag_bundles():
        if bundle.name == "collections":
            bundle.path.mkdir(parents=True, exist_ok=True)
            write_shards(bundle.path, [COLLECTION])
        bag = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        bag.collect_dags()
        found[bundle.name] = sorted(bag.dags)
        errors |= bag.import_errors
    return found, errors


def page() -> dict[str, list[Any]]:
    """Return status and kind of what the plugin's page answers: a stranger, and a reader, of whom there is no ledger."""
    client = TestClient(create_app(), headers={"accept": "text/html"})
    paths = ["/cogmill/", "/cogmill/static/icon.svg"]
    stranger = [client.get(path).status_code for path in paths]
    from cogmill_airflow.page import access
    from cogmill_airflow.page.app import app

    app.dependency_overrides = {access.Reader.dependency: lambda: None}
    answers = [client.get(path) for path in paths]
    return {"stranger": stranger, "reader": [[one.status_code, one.headers["content-type"]] for one in answers]}


def main() -> None:
    found, errors = dags()
    served = page()
    plugins = [(plugin.name, str(plugin.source)) for plugin in plugins_manager._get_plugins()[0]]
    facts = {
        "airflow": airflow.__version__,
        "folders": [str(Path(module.__file__).parent) for module in (cogmill, cogmill_airflow)],
        "templates": sorted(path.name for path in TEMPLATES.iterdir()),
        "migrations": len(list(MIGRATIONS.glob("*.sql"))),
        "plugins": [plugin for plugin in plugins if plugin[0] == "cogmill"],
        "plugin_errors": plugins_manager.get_import_errors(),
        "page": served,
        "dags": found,
        "import_errors": errors,
        "gdal_loaded": "osgeo" in sys.modules,
    }
    sys.stdout.write("\n" + json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
