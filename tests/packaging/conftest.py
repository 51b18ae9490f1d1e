"""Scratch environments: the installed dependencies by link, and of Cogmill only what a site would have."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")
LOCAL = "airflow.dag_processing.bundles.local.LocalDagBundle"
COLLECTIONS = {"name": "collections", "classpath": "cogmill_airflow.bundle.CollectionsBundle", "kwargs": {}}


@dataclass(frozen=True)
class Site:
    """An Airflow project of somebody: an interpreter and what its components get as environment."""

    python: Path
    home: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str | Path) -> str:
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.home), **self.environment}
        done = subprocess.run(
            [self.python, *arguments], env=environment, cwd=self.home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def airflow(self, *arguments: str) -> Any:
        """Run a command of Airflow and return what it lists, after what it logs."""
        return json.loads(self.run("-m", "airflow", *arguments, "--output", "json").splitlines()[-1])

    def facts(self) -> dict[str, Any]:
        """Return what inside.py says of this site."""
        return json.loads(self.run(Path(__file__).with_name("inside.py")).splitlines()[-1])


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel, built from a copy that has nothing but what the build is told to take."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for folder in ("include", "plugins", "dags"):
        shutil.copytree(ROOT / folder, source / folder, ignore=LEFT_OUT)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--wheel", "--quiet", "--out-dir", dist, source], check=True, capture_output=True)
    (built,) = dist.glob("*.whl")
    return built


def link_or_copy(source: str, target: str) -> None:
    """Link a file; a copy where the two lie on different disks."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def environment_without_cogmill(folder: Path) -> Path:
    """Make a virtual environment with links to what is installed here, without this project; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name == "cv2":  # looks at its real path, and takes a link for a second copy of itself
            shutil.copytree(entry, packages / entry.name, copy_function=link_or_copy)
        elif not entry.name.lower().startswith(("cogmill", "_cogmill", "__editable__")):
            (packages / entry.name).symlink_to(entry)
    return folder / "bin" / "python"


def airflow_home(home: Path, bundles: list[dict[str, Any]]) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
    }


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return a site that installed the wheel and has no file of the repository."""
    folder = tmp_path_factory.mktemp("installed")
    python = environment_without_cogmill(folder / "venv")
    uv = Path(sys.executable).with_name("uv")
    arguments = ["pip", "install", "--quiet", "--no-deps", "--python", python, wheel]
    subprocess.run([uv, *arguments], check=True, capture_output=True)
    home = folder / "airflow"
    home.mkdir()
    program = {"name": "cogmill", "classpath": "cogmill_airflow.bundle.ProgramBundle", "kwargs": {}}
    return Site(python, home, airflow_home(home, [program, COLLECTIONS]))


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return a project into which the folders were copied; one line of PYTHONPATH finds them."""
    folder = tmp_path_factory.mktemp("copied")
    python = environment_without_cogmill(folder / "venv")
    home = folder / "airflow"
    for name in ("include", "plugins", "dags"):
        shutil.copytree(ROOT / name, home / name, ignore=LEFT_OUT)
    dags = {"name": "dags-folder", "classpath": LOCAL, "kwargs": {}}
    path = {"PYTHONPATH": f"{home}/include:{home}/plugins"}
    return Site(python, home, airflow_home(home, [dags, COLLECTIONS]) | path)


@pytest.fixture(scope="session")
def metadata(installed: Site) -> Path:
    """Return Airflow's own database, made once."""
    installed.run("-m", "airflow", "db", "migrate")
    return installed.home / "airflow.db"


@pytest.fixture(scope="session", params=["installed", "copied"])
def site(request: pytest.FixtureRequest, metadata: Path) -> Site:
    one = request.getfixturevalue(request.param)
    if one.home != metadata.parent:
        shutil.copy(metadata, one.home)
    return one


@pytest.fixture(scope="session")
def facts(site: Site) -> dict[str, Any]:
    return site.facts()
