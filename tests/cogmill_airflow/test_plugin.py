from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

from airflow._shared.module_loading import find_path_from_directory

from tests.airflow_home import ROOT


def test_airflow_scans_only_the_plugin_itself_when_it_starts() -> None:
    scanned = list(find_path_from_directory(str(ROOT / "plugins"), ".airflowignore", "glob"))

    assert [path.removeprefix(str(ROOT)) for path in scanned if path.endswith(".py")] == ["/plugins/cogmill_plugin.py"]


def test_links_are_registered_when_plugins_are_loaded() -> None:
    from airflow import plugins_manager

    names = {type(link).__name__ for link in plugins_manager.get_operator_extra_links()}

    assert {"WmsCapabilitiesLink", "MapPreviewLink", "RunReportLink"} <= names
    assert not plugins_manager.get_import_errors()


def test_the_button_of_a_report_leads_to_the_tab_that_is_registered() -> None:
    from airflow import plugins_manager
    from cogmill_airflow.operators.links import RunReportLink

    views, _ = plugins_manager._get_ui_plugins()
    (view,) = [view for view in views if view["destination"] == "dag_run"]
    link = RunReportLink().get_link(
        None, ti_key=SimpleNamespace(dag_id="backfill", run_id="manual__2026-01-01T00:00:00+00:00")
    )

    assert view["href"] == "cogmill/dags/{DAG_ID}/runs/{RUN_ID}"
    assert link == f"/dags/backfill/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00/plugin/{view['url_route']}"


def test_page_is_not_loaded_when_the_plugin_is() -> None:
    said = "import sys, cogmill_airflow.plugin; print(sorted(name for name in sys.modules if name.startswith('cogmill_airflow.page')))"
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("include", "plugins"))

    done = subprocess.run(
        [sys.executable, "-c", said], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "['cogmill_airflow.page']"
