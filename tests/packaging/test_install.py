"""Cogmill as a site gets it: the wheel in an environment of its own, or the folders copied into an Airflow project."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

from cogmill import __version__

from tests.cogmill.cog.engine_scenes import photograph, upload
from tests.packaging.conftest import ROOT


def dag_files() -> set[str]:
    return {file.stem for file in (ROOT / "dags").glob("*.py")}


def test_nothing_is_left_out_of_the_wheel(wheel):
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    places = {
        ROOT / "include" / "cogmill": "cogmill",
        ROOT / "plugins" / "cogmill_airflow": "cogmill_airflow",
        ROOT / "include" / "templates": "cogmill/templates",
        ROOT / "include" / "viewer": "cogmill/viewer",
        ROOT / "dags": "cogmill_airflow/dags",
    }
    expected = {
        f"{inside}/{file.relative_to(folder)}"
        for folder, inside in places.items()
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }

    assert carried == expected


def test_version_stands_in_one_place(wheel):
    (metadata,) = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/METADATA")]

    assert f"\nVersion: {__version__}\n" in zipfile.ZipFile(wheel).read(metadata).decode()
    assert wheel.name.startswith(f"cogmill-{__version__}-py3-none-any")


def test_runs_from_the_site_s_own_files(site, facts):
    assert [folder for folder in facts["folders"] if not folder.startswith(str(site.home.parent))] == []
    assert {"service.map.j2", "catalog.html.j2"} <= set(facts["templates"])
    assert facts["migrations"] == len(list((ROOT / "include/cogmill/ledger/sql/migrations").glob("*.sql")))


def test_plugin_is_registered_once_and_serves_its_page(facts):
    assert len(facts["plugins"]) == 1
    assert facts["plugin_errors"] == {}
    page, icon = facts["page"]["reader"]
    assert page == [503, "text/html; charset=utf-8"], "a page of its own says that there is no ledger"
    assert icon == [200, "image/svg+xml"]
    assert facts["page"]["stranger"] == [401, 401]
    assert not facts["gdal_loaded"], "an API server must not load GDAL"


def test_dags_come_through_their_bundles(facts):
    program, collections = facts["dags"].values()

    assert set(program) == dag_files()
    assert collections == ["collection__travis_usda_1951_frames"]
    assert facts["import_errors"] == {}


def test_frame_becomes_a_cog(site, tmp_path):
    source, target = upload(tmp_path / "frame.tif", photograph(300, 300)), tmp_path / "cog.tif"

    said = site.run(Path(__file__).with_name("build_frame.py"), source, target)

    assert said.splitlines()[-1] == hashlib.sha256(target.read_bytes()).hexdigest()


def test_airflow_lists_no_import_errors(site, facts):
    bundle, _ = facts["dags"]

    assert site.airflow("dags", "list-import-errors", "--local", "--bundle-name", bundle) == []


def test_airflow_lists_the_provider(installed):
    (listed,) = [line for line in installed.airflow("providers", "list") if line["package_name"] == "cogmill"]

    assert listed["version"] == __version__
    assert "web map services" in listed["description"]


def test_plugin_folder_beside_the_package_registers_nothing_twice(installed):
    """A project that copied the folders and installed the package too."""
    copy = installed.home / "plugins"
    copy.mkdir()
    (copy / "cogmill_plugin.py").write_text((ROOT / "plugins" / "cogmill_plugin.py").read_text())

    said = installed.run(
        "-c",
        "import json; from airflow import plugins_manager as all; names = [one['name'] for one in all.get_plugin_info()]; "
        "print(json.dumps([names.count('cogmill'), all.get_import_errors()]))",
    )

    (copy / "cogmill_plugin.py").unlink()
    assert json.loads(said.splitlines()[-1]) == [1, {}]
