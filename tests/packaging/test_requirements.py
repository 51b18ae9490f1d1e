"""What is said in more than one file about what Cogmill runs on says the same."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.packaging.conftest import ROOT

REQUIREMENTS = (ROOT / "requirements.txt").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def named(file: str) -> set[str]:
    """Return the requirements of a file, without its options and what it includes."""
    lines = (line.partition(" #")[0].strip() for line in (ROOT / file).read_text().splitlines())
    return {line for line in lines if line and not line.startswith(("#", "-"))}


def test_package_and_requirements_ask_for_the_same():
    assert named("requirements.txt") == {*PROJECT["dependencies"], "GDAL"}


def test_extras_and_development_requirements_ask_for_the_same():
    extras = PROJECT["optional-dependencies"]

    assert named("requirements-dev.txt") == {*extras["demo"], *extras["dev"]} - {"cogmill[demo]"}
    assert {"pytest", "moto[server,s3]"} <= named("requirements-dev.txt")


def test_no_tool_of_the_tests_is_asked_for_by_a_site():
    assert not {Requirement(one).name for one in PROJECT["dependencies"]} & {
        "pytest",
        "moto",
        "ruff",
        "mypy",
        "playwright",
    }


@pytest.mark.parametrize("lock", ["requirements.lock", "docker/requirements.lock"])
def test_lock_lies_in_the_ranges(lock):
    pins = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))
    wanted = [Requirement(one) for one in PROJECT["dependencies"]]

    assert [str(one) for one in wanted if not one.specifier.contains(pins[one.name.lower()])] == []


LOCKS = sorted(
    str(one.relative_to(ROOT)) for part in ("", "ansible", "docker", "setup") for one in (ROOT / part).glob("*.lock")
)


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_in_a_lock_has_hashes(lock):
    entries = re.split(
        r"^(?=\S)", re.sub(r"^\s*#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE), flags=re.MULTILINE
    )

    assert [
        one for one in entries if one and not re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", one, re.DOTALL)
    ] == []


@pytest.mark.parametrize(
    "installer",
    ["Makefile", "setup/install.sh", "docker/Dockerfile", "ansible/roles/airflow_worker/files/cogmill-environment"],
)
def test_everything_that_is_installed_from_a_lock_is_taken_by_hash(installer):
    text = re.sub(r"\\\n\s*", "", (ROOT / installer).read_text())
    commands = [part for line in text.splitlines() for part in re.split("&&|;", line) if "pip install" in part]
    unverified = [
        one for one in commands if re.search(r" -r \S", one) and not re.search("--require-hashes|hashes\\[@\\]", one)
    ]

    assert commands
    assert unverified == []


def test_bindings_are_built_with_the_numpy_they_run_with():
    def numpy(lock):
        return re.findall(r"^numpy==[^\\]*", (ROOT / lock).read_text(), re.MULTILINE)

    assert numpy("setup/build.lock") == numpy("requirements.lock")
    assert numpy("docker/requirements.lock")[0].split()[0] in {one.split()[0] for one in numpy("setup/build.lock")}


@pytest.mark.parametrize(
    "pip", [[sys.executable, "-m", "pip"], [Path(sys.executable).with_name("uv"), "pip"]], ids=["pip", "uv"]
)
def test_gdal_has_the_version_of_the_system_with_the_command_that_is_documented(pip):
    (command,) = re.findall(r"^#   (pip install -r requirements.txt [^ ]+ [^ ]+)", REQUIREMENTS, re.MULTILINE)
    offline = command.replace("pip install", 'exec "$@" install --dry-run --no-deps --no-index', 1)

    done = subprocess.run(
        ["bash", "-c", offline, "pip", *pip],
        cwd=ROOT, env=os.environ | {"VIRTUAL_ENV": sys.prefix}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "Would" not in done.stdout + done.stderr.replace("Would make no changes", "")


def test_helper_builds_nothing_where_all_is_there():
    done = subprocess.run(
        [ROOT / "setup" / "gdal.sh", sys.executable, "--dry-run", "--no-deps", "--no-index", "-r", ROOT / "requirements.txt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"gdal: bindings and rasterio use libgdal [\d.]+\n", done.stdout)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not os.environ.get("COGMILL_LONG"), reason="builds GDAL's bindings; COGMILL_LONG=1 runs it")
def test_helper_builds_bindings_for_the_numpy_of_a_fresh_environment(tmp_path):
    """Debian's Python finds the headers of Debian's older numpy first; bindings built with those do not load."""
    python = tmp_path / "bin" / "python"
    subprocess.run(["/usr/bin/python3", "-m", "venv", tmp_path], check=True)

    done = subprocess.run([ROOT / "setup" / "gdal.sh", python], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    copied = "import numpy; from osgeo import gdal_array as g; print(g.OpenArray(numpy.eye(2)).ReadAsArray().tolist())"
    assert subprocess.check_output([python, "-c", copied], text=True) == "[[1.0, 0.0], [0.0, 1.0]]\n"


def test_helper_says_what_to_install_where_there_is_no_libgdal(tmp_path):
    (tmp_path / "bash").symlink_to(shutil.which("bash"))
    helper = ROOT / "setup" / "gdal.sh"

    done = subprocess.run(
        ["bash", helper, sys.executable], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr == "gdal: no gdal-config: install libgdal-dev (Debian, Ubuntu) or gdal-devel (Fedora)\n"
