"""What decides a COG's bytes below GDAL: the libraries that compress and transform, and the grids of PROJ that are installed.

None of it is loaded here: the task that names a COG must stay small. Versions are those that Debian's package manager knows, for
libdeflate and libjpeg-turbo cannot be asked by a program. A rebuilt package with the same upstream version counts as the same.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from cogmill.domain.layout.formats import Format

DPKG = Path("/var/lib/dpkg/status")

PACKAGES = {
    "proj": r"libproj\d+",
    "geotiff": r"libgeotiff\d+",
    "tiff": r"libtiff\d+",
    "deflate": r"libdeflate\d+",
    "jpeg": r"libjpeg62-turbo|libjpeg-turbo\d+",
    "zlib": r"zlib1g",
    "zstd": r"libzstd\d+",
    "webp": r"libwebp\d+",
}
"""Packages of each library, whatever the version in their names; Debian 13 appends `t64` to some."""

PACKAGES_OF_FORMATS = {Format.JP2: {"openjp2": r"libopenjp2-\d+"}}
"""The same of libraries that only read uploads of one format."""

INSTALLED = re.compile(r"^Package: (.+)\nStatus: (?:install|hold) ok installed\n(?:.+\n)*?Version: (.+)", re.MULTILINE)
"""Name and version of an installed package, be it on hold, in the status of Debian's package manager."""

CHECKSUMS = "SHA256SUMS"
"""File beside installed grids with the checksums of their bytes."""

UNKNOWN = "unknown"
"""Version of a library that no package brings."""

PROJ_DATA = ("/usr/local/share/proj", "/usr/share/proj")
"""Where PROJ is told to look for grids, unless `PROJ_DATA` or `PROJ_LIB` names folders: those that a site installs lie in the first one,
Debian's and the database in the second."""


@cache
def library_versions() -> dict[str, str]:
    """Return the upstream version of each library, `unknown` where no package brings it.

    Examples:
        >>> sorted(library_versions())
        ['deflate', 'geotiff', 'jpeg', 'proj', 'tiff', 'webp', 'zlib', 'zstd']
    """
    return _versions(PACKAGES)


@cache
def reader_versions(source_format: Format) -> dict[str, str]:
    """Return the same of the libraries that only read uploads of a format.

    Examples:
        >>> list(reader_versions(Format.JP2)), list(reader_versions(Format.IMG))
        (['openjp2'], [])
    """
    return _versions(PACKAGES_OF_FORMATS.get(source_format, {}))


def _versions(packages: Mapping[str, str]) -> dict[str, str]:
    installed = INSTALLED.findall(DPKG.read_text("utf-8") if DPKG.exists() else "")
    return {name: _version(installed, pattern) for name, pattern in packages.items()}


def _version(installed: list[tuple[str, str]], pattern: str) -> str:
    """Return the version of the packages of one library, whose names match a pattern, among names and versions of all."""
    found = {upstream(version) for package, version in installed if re.fullmatch(rf"(?:{pattern})(?:t64)?", package)}
    return ",".join(sorted(found)) or UNKNOWN


def upstream(version: str) -> str:
    """Return the upstream part of the version of a Debian package.

    Examples:
        >>> upstream("1:2.1.5-2"), upstream("4.5.0-6+deb12u4"), upstream("1.5.4+dfsg2-5"), upstream("2.0+really1.9-1")
        ('2.1.5', '4.5.0', '1.5.4', '2.0+really1.9')
    """
    without_epoch = version.partition(":")[2] or version
    without_revision = without_epoch.rpartition("-")[0] or without_epoch
    return re.sub(r"[+~](dfsg|ds).*", "", without_revision)


def proj_folders() -> list[Path]:
    """Return the folders in which workers let PROJ look for its database and grids, in its order."""
    named = os.environ.get("PROJ_DATA") or os.environ.get("PROJ_LIB") or os.pathsep.join(PROJ_DATA)
    return [Path(folder) for folder in named.split(os.pathsep)]


@cache
def grids_digest() -> str:
    """Return a digest of PROJ's database and grids, by their names and bytes; read once per process.

    They decide which operations there are between two datums, and the best of them is taken: a worker with a grid, and one without,
    put the same frame in places that differ.
    """
    found: dict[str, Path] = {}
    for folder in proj_folders():
        for path in folder.glob("*"):
            if path.is_file() and path.name != CHECKSUMS:
                found.setdefault(path.name, path)  # PROJ takes the first one of a name
    digest = hashlib.sha256()
    for name, path in sorted(found.items()):
        with suppress(OSError), path.open("rb") as content:  # nor can PROJ read it
            digest.update(f"{name} {hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
