"""The layouts of hosted Airflows, as docs/install.md describes them: unpacked into a plain `AIRFLOW_HOME`, without the host itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.packaging.conftest import LEFT_OUT, ROOT, Site, environment_without_cogmill
from tests.packaging.test_install import dag_files

INSTALL = (ROOT / "docs" / "install.md").read_text("utf-8")
HOSTED_HOME = "/usr/local/airflow"
"""Where both hosts have Airflow's home."""


def code(language: str, first: str) -> str:
    """Return the code block of docs/install.md that begins with a word."""
    (found,) = [
        block for block in re.findall(rf"```{language}\n(.*?)```", INSTALL, re.DOTALL) if block.startswith(first)
    ]
    return found


def plain(python: Path, home: Path, environment: dict[str, str]) -> Site:
    moved = {name: value.replace(HOSTED_HOME, str(home)) for name, value in environment.items()}
    fixed = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles"),
    }
    return Site(python, home, fixed | moved)


@pytest.fixture
def astro(tmp_path: Path) -> Site:
    """A project as `astro dev init` makes it, with the folders copied into it and the environment of the Dockerfile."""
    home = tmp_path / "airflow"
    for name in ("include", "plugins", "dags"):
        shutil.copytree(ROOT / name, home / name, ignore=LEFT_OUT)
    dockerfile = code("dockerfile", "FROM")
    environment = dict(re.findall(r"^ENV (\w+)='?(.*?)'?$", dockerfile, re.MULTILINE))
    return plain(environment_without_cogmill(tmp_path / "venv"), home, environment)


@pytest.fixture
def mwaa(wheel: Path, tmp_path: Path) -> Site:
    """`plugins.zip` and `dags/` as the commands of the page make them, unpacked as the host does."""
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins", ignore=LEFT_OUT)
    shutil.copytree(ROOT / "dags", tmp_path / "dags", ignore=LEFT_OUT)
    (tmp_path / "dist").mkdir()
    shutil.copy(wheel, tmp_path / "dist")
    subprocess.run(["bash", "-euc", code("sh", "python3 -m zipfile")], cwd=tmp_path, check=True)
    home = tmp_path / "airflow"
    zipfile.ZipFile(tmp_path / "plugins.zip").extractall(home / "plugins")
    shutil.move(tmp_path / "dags", home / "dags")
    environment = dict(
        re.findall(r"^export (\w+)='?(.*?)'?$", code("sh", "export COGMILL_TASKS_RUN_HERE"), re.MULTILINE)
    )
    return plain(environment_without_cogmill(tmp_path / "venv"), home, environment)


@pytest.mark.parametrize("host", ["astro", "mwaa"])
def test_a_hosted_airflow_finds_dags_and_plugin(request: pytest.FixtureRequest, host: str) -> None:
    site = request.getfixturevalue(host)

    facts = site.facts()

    program, collections = facts["dags"].values()
    assert set(program) == dag_files()
    assert collections == ["collection__travis_usda_1951_frames"]
    assert facts["import_errors"] == facts["plugin_errors"] == {}
    assert len(facts["plugins"]) == 1
    assert [folder for folder in facts["folders"] if not folder.startswith(str(site.home))] == []
    assert "service.map.j2" in facts["templates"]
    assert facts["page"]["reader"][0][0] == 503, "a page of its own says that there is no ledger"


def test_packages_of_the_page_are_those_that_setup_installs() -> None:
    named = code("text", "libgdal-dev").split()

    assert set(named) <= set((ROOT / "setup" / "packages.sh").read_text("utf-8").split())
