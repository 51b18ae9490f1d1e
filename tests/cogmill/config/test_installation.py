from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cogmill.config import installation
from cogmill.config.places import PACKAGE
from cogmill.config.settings import load_settings
from cogmill.config.site import load_site
from cogmill.domain.errors import ConfigurationError

LIBGDAL = installation._libgdal(installation._folder("osgeo"), "_gdal.*")


class Packages:
    """Folders of packages as an installer might have left them; what is not named is as it is here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changed: dict[str, Path | None] = {}

    def __call__(self, name: str) -> Path | None:
        return self.changed[name] if name in self.changed else installation._folder(name)

    def compiled(self, package: str, modules: dict[str, str]) -> None:
        folder = self.changed[package] = self.folder / package
        folder.mkdir()
        for module, library in modules.items():
            (folder / f"{module}.cpython-311-x86_64-linux-gnu.so").write_bytes(b"\x7fELF\0" + library.encode() + b"\0")


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path)


def problems(packages: Packages) -> list[str]:
    return installation.find_problems(find=packages)


def test_looks_for_every_library_that_the_program_imports():
    """Those that come with Airflow itself need no look: without them nothing would ask."""
    with_airflow = {"boto3", "botocore", "jinja2", "markupsafe", "pydantic", "yaml", "structlog", "requests", "urllib3"}
    files = PACKAGE.rglob("*.py")
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    libraries = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"cogmill"}

    assert libraries - with_airflow - {"osgeo", "rasterio"} <= set(installation.LIBRARIES)


def test_finds_nothing_wrong_here():
    assert installation.find_problems(load_settings().mapserv) == []


def test_names_the_bindings_and_what_to_do_when_they_are_missing(packages):
    packages.changed["osgeo"] = None

    (problem,) = problems(packages)

    assert problem.startswith("GDAL bindings are not installed: ")
    assert "setup/gdal.sh" in problem


def test_names_a_library_and_what_to_do_when_it_is_missing(packages):
    packages.changed["cv2"] = None

    assert problems(packages) == ["cv2 is not installed: pip install -r requirements.txt"]


def test_says_so_when_the_bindings_were_built_without_numpy(packages):
    packages.compiled("osgeo", {"_gdal": LIBGDAL})

    (problem,) = problems(packages)

    assert problem.startswith("GDAL bindings were built without numpy")


def test_says_so_when_the_system_s_libgdal_was_replaced(packages):
    packages.compiled("osgeo", {"_gdal": "libgdal.so.20", "_gdal_array": "libgdal.so.20"})
    packages.compiled("rasterio", {"_base": "libgdal.so.20"})

    (problem,) = problems(packages)

    assert "libgdal.so.20, which this machine does not have" in problem


def test_says_so_when_rasterio_brings_a_libgdal_of_its_own(packages):
    packages.compiled("rasterio", {"_base": "libgdal-3f2c6a1b.so.36.3.9.3"})

    (problem,) = problems(packages)

    assert problem.startswith(f"rasterio uses libgdal-3f2c6a1b.so.36.3.9.3 and the GDAL bindings use {LIBGDAL}: ")


def test_names_mapserver_when_it_is_missing(tmp_path):
    (problem,) = installation.find_problems(tmp_path / "mapserv")

    assert f"{tmp_path}/mapserv draws each mapfile" in problem
    assert "COGMILL_MAPSERV" in problem


def test_refuses_in_one_sentence_each_unless_tasks_run_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv("COGMILL_MAPSERV", str(tmp_path / "mapserv"))
    load_settings.cache_clear()

    with pytest.raises(ConfigurationError, match="MapServer is not installed"):
        installation.require()

    monkeypatch.setenv("COGMILL_TASKS_RUN_HERE", "false")
    load_settings.cache_clear()
    installation.require()


def test_loads_no_gdal_since_every_start_of_a_task_pays_it():
    said = (
        "import sys; from cogmill.config import installation; installation.require(); "
        "print([name for name in ('osgeo', 'rasterio', 'cv2', 'numpy', 'boto3', 'psycopg') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_command_says_it_and_fails(tmp_path):
    command = [sys.executable, "-m", "cogmill.config.installation"]

    fine = subprocess.run(command, capture_output=True, text=True, check=False)
    without = {"COGMILL_MAPSERV": str(tmp_path / "mapserv")}
    bad = subprocess.run(command, env=without, capture_output=True, text=True, check=False)

    assert (fine.returncode, fine.stdout.splitlines()[0]) == (0, "this host can build frames")
    assert (bad.returncode, bad.stdout.partition(":")[0]) == (1, "MapServer is not installed")


def test_command_names_a_grid_of_the_site_until_it_is_there(tmp_path):
    site, grid = tmp_path / "site.yaml", tmp_path / "us_noaa_conus.tif"
    site.write_text("proj_grids: [us_noaa_conus.tif]\n")
    command = [sys.executable, "-m", "cogmill.config.installation"]
    environment = {**os.environ, "COGMILL_SITE_FILE": str(site), "PROJ_DATA": f"{tmp_path}:/usr/share/proj"}

    without = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    grid.touch()
    with_it = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert without.returncode == 0, "frames can be built without it"
    assert "PROJ's grid us_noaa_conus.tif is not installed" in without.stdout
    assert (with_it.returncode, with_it.stdout) == (0, "this host can build frames\n")


@pytest.mark.parametrize("name", ["../us_noaa_conus.tif", "/srv/us_noaa_conus.tif", "proj.db", ".tif", "a b.tif"])
def test_a_grid_is_a_name_without_a_folder(name, tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text(f"proj_grids: [{name}]\n")

    with pytest.raises(ConfigurationError, match="proj_grids"):
        load_site(site)
