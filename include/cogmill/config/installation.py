"""What a host lacks to build frames, found in milliseconds without loading GDAL: `python -m cogmill.config.installation`.

Every component of Airflow asks when it starts, and DAG files ask when they are parsed, so that a missing library is named before
a frame is tried. The modules of `osgeo` and rasterio are looked at as files: importing them costs half a second, and an API
server must not load GDAL at all.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from cogmill.cog.libraries import proj_folders
from cogmill.domain.errors import ConfigurationError

SETTINGS_LIBRARIES = ("croniter", "pydantic_settings")
"""Packages without which the settings cannot be read."""

LIBRARIES = (
    *SETTINGS_LIBRARIES,
    "affine",
    "aiosql",
    "cv2",
    "lxml",
    "numpy",
    "packaging",
    "psycopg",
    "pyarrow",
    "shapely",
)
"""Packages that an installer brings from the index as they are; `osgeo` and rasterio have checks of their own."""

BUILD_GDAL = "setup/gdal.sh PYTHON of the repository builds them against libgdal"
"""The advice of everything that is wrong with GDAL."""

_SONAME = re.compile(rb"libgdal(?P<vendored>-[0-9a-f]+)?\.so(\.\d+)*")
"""Name by which a compiled module asks for libgdal; that of a copy inside a wheel carries a hash."""

LINKER_CACHE = Path("/etc/ld.so.cache")
"""The system's list of shared libraries by name."""


def find_problems(mapserv: Path | None = None, find: Callable[[str], Path | None] | None = None) -> list[str]:
    """Return one sentence per problem: what, why it matters, what to do. Empty when frames can be built here.

    Args:
        mapserv: The MapServer program of the settings; None to leave it out.
        find: Returns the folder of a package, None where it is not installed. Default: as an import would find it.
    """
    find = find or _folder
    problems = [f"{name} is not installed: pip install -r requirements.txt" for name in LIBRARIES if find(name) is None]
    problems += [*_gdal_problems(find("osgeo")), *_rasterio_problems(find("rasterio"), find("osgeo"))]
    if mapserv and not os.access(mapserv, os.X_OK):
        problems.append(
            f"MapServer is not installed: {mapserv} draws each mapfile before it is published; install cgi-mapserver, "
            "or name the program in COGMILL_MAPSERV"
        )
    return problems


def check_host() -> list[str]:
    """Return the problems of this host; none are asked for where the settings say that tasks run on other hosts."""
    if any(find_spec(name) is None for name in SETTINGS_LIBRARIES):
        return find_problems()
    from cogmill.config.settings import load_settings  # noqa: PLC0415  # needs two of the libraries

    settings = load_settings()
    return find_problems(settings.mapserv) if settings.tasks_run_here else []


def missing_grids(names: Iterable[str]) -> list[str]:
    """Return one sentence per grid of the site's `proj_grids` that is in no folder where PROJ looks on this host.

    Not among the problems: frames in other datums can be built without it.
    """
    folders = proj_folders()
    named = os.pathsep.join(map(str, folders))
    return [
        f"PROJ's grid {name} is not installed: the site file asks for it (proj_grids), and frames that need it are rejected or "
        f"placed less accurately; `cogmill site grids` brings it into {folders[0]} (PROJ looks in {named}), see docs/install.md"
        for name in names
        if not any((folder / name).is_file() for folder in folders)
    ]


def _grids_of_site() -> tuple[str, ...]:
    """Return the grids that the site asks for, none where tasks run on other hosts."""
    if any(find_spec(name) is None for name in SETTINGS_LIBRARIES):
        return ()
    from cogmill.config.settings import load_settings  # noqa: PLC0415  # needs two of the libraries
    from cogmill.config.site import load_site  # noqa: PLC0415

    settings = load_settings()
    return load_site(settings.site_file).proj_grids if settings.tasks_run_here else ()


def require() -> None:
    """Raise ConfigurationError with all problems of this host."""
    if problems := check_host():
        raise ConfigurationError("; ".join(problems))


def _gdal_problems(bindings: Path | None) -> Iterator[str]:
    if bindings is None:
        yield f"GDAL bindings are not installed: frames are read and written through them; {BUILD_GDAL}"
        return
    if not any(bindings.glob("_gdal_array*")):
        yield f"GDAL bindings were built without numpy (osgeo.gdal_array is missing): no pixel can be read; {BUILD_GDAL}"
    asked = _libgdal(bindings, "_gdal.*")
    if asked and "-" not in asked and not _on_this_machine(asked):
        yield f"GDAL bindings were built for {asked}, which this machine does not have: another libgdal was installed; {BUILD_GDAL}"


def _rasterio_problems(rasterio: Path | None, bindings: Path | None) -> Iterator[str]:
    if rasterio is None:
        yield f"rasterio is not installed: rasters are read and written with it; {BUILD_GDAL}"
        return
    own, other = _libgdal(rasterio, "_base.*"), bindings and _libgdal(bindings, "_gdal.*")
    if own and other and own != other:
        yield (
            f"rasterio uses {own} and the GDAL bindings use {other}: two libgdal in one process corrupt each other's "
            f"datasets; {BUILD_GDAL} (pip's own rasterio brings a second one)"
        )


def _folder(name: str) -> Path | None:
    """Return the folder of a package without importing it."""
    spec = find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def _libgdal(folder: Path, modules: str) -> str | None:
    """Return the libgdal that a compiled module asks for, such as `libgdal.so.36`; None where nothing can be read."""
    for module in sorted(folder.glob(modules)):
        if module.suffix == ".so" and (found := _SONAME.search(module.read_bytes())):
            return found[0].decode()
    return None


def _on_this_machine(soname: str) -> bool:
    """Tell whether the linker would find a library: in its cache, beside Python, or in `LD_LIBRARY_PATH`."""
    folders = [Path(sys.prefix, "lib"), *map(Path, filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")))]
    if any((folder / soname).exists() for folder in folders):
        return True
    return not LINKER_CACHE.exists() or soname.encode() + b"\0" in LINKER_CACHE.read_bytes()


if __name__ == "__main__":
    found = check_host()
    sys.stdout.write("\n".join([*(found or ["this host can build frames"]), *missing_grids(_grids_of_site())]) + "\n")
    sys.exit(1 if found else 0)
